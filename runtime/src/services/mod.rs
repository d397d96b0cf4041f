//! Services: what the runtime does for instructions of the group `service`, with state of its own.
//!
//! [`run`] is where both tiers arrive. It hands a [`Call`] to the function of the service: operands are checked
//! first, then fuel is taken, and only then something is done. What outlives an instruction is an
//! [`Object`] with a handle; it belongs to the store and counts against its memory limit. Big integers are managed
//! objects instead.

#![forbid(unsafe_code)]

mod bigint;
pub(crate) mod db;
mod derive;
mod handles;
mod hash;
mod keys;
mod seal;
mod sign;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use dotvm_isa::TrapCode;
use dotvm_isa::ops::Service;

use crate::error::Error;
use crate::store::StoreOpaque;
use crate::vm::entry::Stop;
use crate::wasi::{Host, SystemHost};

use bigint::Part;
use handles::Handles;

/// The most limbs of a big integer.
pub(crate) const BIG_LIMBS_MAX: usize = bigint::cost::BITS_MAX / 64;

/// Bytes that are worked on between two looks at the store's signals.
const STEP_BYTES: usize = 1 << 20;

/// The most bytes of what is worked on as a whole: fractions of a second, in which nothing can stop it.
const ONE_PIECE_BYTES_MAX: usize = 1 << 28;

/// A store's state of services.
#[derive(Default)]
pub(crate) struct Services {
    /// What random bytes come from; the operating system, where nobody set anything else. (Nobody locks it; the
    /// lock makes it shareable between threads.)
    host: Option<Mutex<Box<dyn Host>>>,
    objects: Handles<Object>,
    executed: Executed,
    /// What instructions on databases work on.
    pub(crate) database: db::StoreDatabase,
}

/// How often each service was executed, by its number.
struct Executed([u64; Service::ALL.len()]);

impl Default for Executed {
    fn default() -> Executed {
        Executed([0; Service::ALL.len()])
    }
}

/// What has a handle.
#[derive(Debug)]
enum Object {
    /// Rows of a database.
    Cursor(Box<dotvm_dotdb::Cursor>),
    /// A hash in the making.
    Hash(Box<hash::Hasher>),
    /// A key.
    Key(keys::Key),
}

impl Services {
    /// Sets what random bytes come from.
    pub(crate) fn set_host(&mut self, host: Box<dyn Host>) {
        self.host = Some(Mutex::new(host));
    }

    /// Bytes of what has handles.
    pub(crate) fn bytes(&self) -> u64 {
        self.objects.bytes()
    }

    /// The most bytes that these have had.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.objects.peak_bytes()
    }

    /// The services that were executed, and how often.
    pub(crate) fn executed(&self) -> impl Iterator<Item = (Service, u64)> {
        let counts = Service::ALL.iter().copied().zip(self.executed.0);
        counts.filter(|&(_, count)| count > 0)
    }

    /// How many handles there are.
    pub(crate) fn handles(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn host(&mut self) -> &mut dyn Host {
        let system = || Mutex::new(Box::new(SystemHost::new()) as Box<dyn Host>);
        let host = self.host.get_or_insert_with(system);
        &mut **host.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service that is being executed.
struct Call<'a> {
    store: &'a mut StoreOpaque,
    service: Service,
    /// The number of memory 0, where the service uses it.
    memory: usize,
    slots: &'a mut [u64],
}

impl Call<'_> {
    /// Operands, the first one first.
    fn args<const N: usize>(&self) -> [u32; N] {
        std::array::from_fn(|i| self.slots[i] as u32)
    }

    /// The bytes of memory 0 from an address on.
    fn buffer(&self, address: u32, len: usize) -> Result<Range<usize>, TrapCode> {
        let start = address as usize;
        match start.checked_add(len) {
            Some(end) if end <= self.memory().len() => Ok(start..end),
            _ => Err(TrapCode::MemoryOutOfBounds),
        }
    }

    /// The same for lengths that are operands.
    fn operand(&self, address: u32, len: u32) -> Result<Range<usize>, TrapCode> {
        self.buffer(address, len as usize)
    }

    fn memory(&self) -> &[u8] {
        self.store.memories[self.memory].bytes()
    }

    fn memory_mut(&mut self) -> &mut [u8] {
        self.store.memories[self.memory].bytes_mut()
    }

    fn write(&mut self, at: &Range<usize>, bytes: &[u8]) {
        self.memory_mut()[at.clone()].copy_from_slice(bytes);
    }

    /// Takes the fuel for so many units.
    fn charge(&mut self, units: usize) -> Result<(), TrapCode> {
        self.store.charge(self.service.rate().fuel(units as u64))
    }

    /// Keeps something of that many bytes; returns its handle.
    fn keep(&mut self, object: Object, bytes: usize) -> Result<u64, TrapCode> {
        self.store.check_room(bytes as u64)?;
        let handle = self.store.services.objects.insert(object, bytes as u64)?;
        Ok(u64::from(handle))
    }

    fn random(&mut self, buffer: &mut [u8]) -> Result<(), Stop> {
        fill_random(&mut self.store.services, buffer)
    }
}

fn fill_random(services: &mut Services, buffer: &mut [u8]) -> Result<(), Stop> {
    let filled = services.host().fill_random(buffer);
    filled.map_err(|error| Stop::Error(Error::host(error)))
}

/// Executes a service of an instance; its operands are in the slots, its result replaces the first one.
///
/// # Errors
/// Why the program stops.
pub(crate) fn run(
    store: &mut StoreOpaque,
    instance: u32,
    service: Service,
    slots: &mut [u64],
) -> Result<(), Stop> {
    let memories = &store.instances[instance as usize].memories;
    let memory = memories.first().copied().unwrap_or_default() as usize;
    store.services.executed.0[service as usize] += 1;
    let mut call = Call {
        store,
        service,
        memory,
        slots,
    };
    let call = &mut call;
    let result = match service {
        Service::CryptoHash => nothing(hash::hash(call)?),
        Service::CryptoHashNew => hash::new(call)?,
        Service::CryptoHashUpdate => nothing(hash::update(call)?),
        Service::CryptoHashFinish => nothing(hash::finish(call)?),
        Service::CryptoHashDrop => nothing(hash::end(call)?),
        Service::CryptoHmac => nothing(derive::hmac(call)?),
        Service::CryptoHkdf => nothing(derive::hkdf(call)?),
        Service::CryptoHkdfKey => derive::hkdf_key(call)?,
        Service::CryptoPbkdf2 => nothing(derive::pbkdf2(call)?),
        Service::CryptoPbkdf2Key => derive::pbkdf2_key(call)?,
        Service::CryptoArgon2id => nothing(derive::argon2id(call)?),
        Service::CryptoArgon2idKey => derive::argon2id_key(call)?,
        Service::CryptoKeyGenerate => keys::generate(call)?,
        Service::CryptoKeyImport => keys::import(call)?,
        Service::CryptoKeyExport => keys::export(call)?,
        Service::CryptoKeyPublic => keys::public(call)?,
        Service::CryptoKeyDrop => nothing(keys::end(call)?),
        Service::CryptoSign => nothing(sign::sign(call)?),
        Service::CryptoVerify => sign::verify(call)?,
        Service::CryptoSignDigest => sign::sign_digest(call)?,
        Service::CryptoVerifyDigest => sign::verify_digest(call)?,
        Service::CryptoRecover => sign::recover(call)?,
        Service::CryptoSeal => nothing(seal::seal(call)?),
        Service::CryptoOpen => seal::open(call)?,
        Service::CryptoHpkeSeal => seal::hpke_seal(call)?,
        Service::CryptoHpkeOpen => seal::hpke_open(call)?,
        Service::CryptoRandom => nothing(random(call)?),
        Service::CryptoEqual => equal(call)?,
        Service::DbTable => db::tables::open(call)?,
        Service::DbTableCreate => db::tables::create(call)?,
        Service::DbTableDrop => db::tables::remove(call)?,
        Service::DbTables => db::tables::names(call)?,
        Service::DbGet => db::rows::get(call)?,
        Service::DbExists => db::rows::exists(call)?,
        Service::DbPut => db::rows::put(call)?,
        Service::DbDelete => db::rows::delete(call)?,
        Service::DbSwap => db::rows::swap(call)?,
        Service::DbBatch => db::rows::batch(call)?,
        Service::DbCount => db::rows::count(call)?,
        Service::DbDeleteRange => db::rows::delete_range(call)?,
        Service::DbScan => db::cursors::scan(call)?,
        Service::DbPrefix => db::cursors::prefix(call)?,
        Service::DbNext => db::cursors::next(call)?,
        Service::DbCursorDrop => nothing(db::cursors::end(call)?),
        Service::DbQuery => db::cursors::query(call)?,
        Service::DbExplain => db::cursors::explain(call)?,
        Service::DbIndex => db::tables::index(call)?,
        Service::DbIndexDrop => db::tables::index_drop(call)?,
        Service::DbBegin => nothing(db::transactions::begin(call)?),
        Service::DbBeginRead => nothing(db::transactions::begin_read(call)?),
        Service::DbCommit => nothing(db::transactions::commit(call)?),
        Service::DbRollback => nothing(db::transactions::rollback(call)?),
        Service::DbDepth => db::transactions::depth(call),
        Service::BigFromI32 => bigint::from_word(call, 32, true)?,
        Service::BigFromI32U => bigint::from_word(call, 32, false)?,
        Service::BigFromI64 => bigint::from_word(call, 64, true)?,
        Service::BigFromI64U => bigint::from_word(call, 64, false)?,
        Service::BigFromI128 => bigint::from_word(call, 128, true)?,
        Service::BigFromI128U => bigint::from_word(call, 128, false)?,
        Service::BigFromI256 => bigint::from_word(call, 256, true)?,
        Service::BigFromI256U => bigint::from_word(call, 256, false)?,
        Service::BigFromI512 => bigint::from_word(call, 512, true)?,
        Service::BigFromI512U => bigint::from_word(call, 512, false)?,
        Service::BigToI32 => bigint::to_word(call, 32, true)?,
        Service::BigToI32U => bigint::to_word(call, 32, false)?,
        Service::BigToI64 => bigint::to_word(call, 64, true)?,
        Service::BigToI64U => bigint::to_word(call, 64, false)?,
        Service::BigToI128 => bigint::to_word(call, 128, true)?,
        Service::BigToI128U => bigint::to_word(call, 128, false)?,
        Service::BigToI256 => bigint::to_word(call, 256, true)?,
        Service::BigToI256U => bigint::to_word(call, 256, false)?,
        Service::BigToI512 => bigint::to_word(call, 512, true)?,
        Service::BigToI512U => bigint::to_word(call, 512, false)?,
        Service::BigFromBytes => bigint::from_bytes(call, true)?,
        Service::BigFromBytesU => bigint::from_bytes(call, false)?,
        Service::BigToBytes => bigint::to_bytes(call, true)?,
        Service::BigToBytesU => bigint::to_bytes(call, false)?,
        Service::BigFromText => bigint::from_text(call)?,
        Service::BigToText => bigint::to_text(call)?,
        Service::BigAdd => bigint::add(call, false)?,
        Service::BigSub => bigint::add(call, true)?,
        Service::BigMul => bigint::mul(call)?,
        Service::BigDiv => bigint::divide(call, Part::Quotient, false)?,
        Service::BigRem => bigint::divide(call, Part::Remainder, false)?,
        Service::BigDivFloor => bigint::divide(call, Part::Quotient, true)?,
        Service::BigRemFloor => bigint::divide(call, Part::Remainder, true)?,
        Service::BigNeg => bigint::with_sign(call, |negative| !negative)?,
        Service::BigAbs => bigint::with_sign(call, |_| false)?,
        Service::BigSign => bigint::sign(call)?,
        Service::BigCmp => bigint::cmp(call)?,
        Service::BigEq => bigint::eq(call)?,
        Service::BigGcd => bigint::gcd(call)?,
        Service::BigLcm => bigint::lcm(call)?,
        Service::BigPow => bigint::pow(call)?,
        Service::BigPowMod => bigint::powmod(call)?,
        Service::BigInvMod => bigint::invmod(call)?,
        Service::BigSqrt => bigint::sqrt(call)?,
        Service::BigRoot => bigint::root(call)?,
        Service::BigIsPrime => bigint::is_prime(call)?,
        Service::BigAnd => bigint::bitwise(call, bigint::AND)?,
        Service::BigOr => bigint::bitwise(call, bigint::OR)?,
        Service::BigXor => bigint::bitwise(call, bigint::XOR)?,
        Service::BigNot => bigint::not(call)?,
        Service::BigShl => bigint::shl(call)?,
        Service::BigShr => bigint::shr(call)?,
        Service::BigBits => bigint::bit_count(call)?,
        Service::BigOnes => bigint::ones(call)?,
        Service::BigBit => bigint::bit(call)?,
        Service::BigZeros => bigint::zeros(call)?,
    };
    if let Some(slot) = call.slots.first_mut() {
        *slot = result;
    }
    Ok(())
}

/// The result of services that have none.
fn nothing((): ()) -> u64 {
    0
}

/// `crypto.random`
fn random(call: &mut Call<'_>) -> Result<(), Stop> {
    let [dst, len] = call.args();
    let dst = call.operand(dst, len)?;
    call.charge(dst.len())?;
    let mut at = dst.start;
    while at < dst.end {
        let end = dst.end.min(at + STEP_BYTES);
        let StoreOpaque {
            services, memories, ..
        } = &mut *call.store;
        let bytes = memories[call.memory].bytes_mut();
        fill_random(services, &mut bytes[at..end])?;
        at = end;
        call.store.safepoint()?;
    }
    Ok(())
}

/// `crypto.equal`
fn equal(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [a, b, len] = call.args();
    let (a, b) = (call.operand(a, len)?, call.operand(b, len)?);
    call.charge(2 * a.len())?;
    let mut same = true;
    let steps = a.step_by(STEP_BYTES).zip(b.clone().step_by(STEP_BYTES));
    for (a, from) in steps {
        let step = STEP_BYTES.min(b.end - from);
        let memory = call.memory();
        let (a, b) = (&memory[a..a + step], &memory[from..from + step]);
        same &= bool::from(subtle::ConstantTimeEq::ct_eq(a, b));
        call.store.safepoint()?;
    }
    Ok(u64::from(same))
}
