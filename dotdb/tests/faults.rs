//! Errors of the storage: writes and syncs that fail, full disks, power cuts, damaged bytes.

mod ledger;

use std::io;
use std::sync::{Arc, Mutex};

use dotvm_dotdb::engine::embedded::Embedded;
use dotvm_dotdb::{Change, Database, Error, Options, Result, StorageBackend};
use ledger::Random;

/// A disk.
#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    /// What was there at the last sync, and what was written since.
    synced: Vec<u8>,
    written: Vec<(usize, Vec<u8>)>,
    /// Operations that succeed before everything fails.
    left: Option<u64>,
    fault: Option<io::ErrorKind>,
}

impl Disk {
    fn operate(&mut self) -> io::Result<()> {
        match (&mut self.left, self.fault) {
            (Some(0), Some(fault)) => Err(fault.into()),
            (Some(left), Some(_)) => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What may be there after a power cut: of what was not synced, some.
    fn after_power_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        bytes.resize(self.bytes.len(), 0);
        for (at, data) in &self.written {
            if random.below(2) == 0 && at + data.len() <= bytes.len() {
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
        }
        bytes
    }
}

#[derive(Clone, Debug, Default)]
struct FaultyBackend(Arc<Mutex<Disk>>);

impl FaultyBackend {
    fn with(bytes: Vec<u8>) -> FaultyBackend {
        FaultyBackend(Arc::new(Mutex::new(Disk {
            synced: bytes.clone(),
            bytes,
            ..Disk::default()
        })))
    }
}

impl StorageBackend for FaultyBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = offset
            .checked_add(out.len())
            .filter(|&end| end <= disk.bytes.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(&disk.bytes[offset..end]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.operate()?;
        // A damaged header may ask for anything.
        if len > 1 << 32 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.operate()?;
        disk.synced = disk.bytes.clone();
        disk.written.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.operate()?;
        let offset = offset as usize;
        let end = offset + data.len();
        if end > disk.bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        disk.bytes[offset..end].copy_from_slice(data);
        disk.written.push((offset, data.to_vec()));
        Ok(())
    }
}

fn open(backend: &FaultyBackend) -> Result<Database> {
    let engine = Embedded::on(backend.clone(), 1 << 20)?;
    Database::on(Arc::new(engine), Options::default())
}

/// The bytes of a database with a ledger.
fn ledger_bytes() -> Vec<u8> {
    let disk = FaultyBackend::default();
    let database = open(&disk).unwrap();
    ledger::found(&database).unwrap();
    let mut session = database.session();
    for seed in 1..20 {
        ledger::transfer(&mut session, &mut Random(seed * 77)).unwrap();
    }
    drop(session);
    drop(database);
    let disk = disk.0.lock().unwrap();
    disk.bytes.clone()
}

fn fail_at_every_operation(fault: io::ErrorKind, expected: impl Fn(&Error) -> bool) {
    let bytes = ledger_bytes();
    let mut random = Random(3);
    let mut failures = 0;
    for left in (0..400).step_by(3) {
        let disk = FaultyBackend::with(bytes.clone());
        let database = open(&disk).unwrap();
        {
            let mut disk = disk.0.lock().unwrap();
            disk.left = Some(left);
            disk.fault = Some(fault);
        }
        let mut session = database.session();
        let before = ledger::transfers(&mut session).unwrap();
        let mut done = before;
        let error = loop {
            match ledger::transfer(&mut session, &mut random) {
                Ok(transfers) => done = transfers,
                Err(error) => break error,
            }
        };
        assert!(expected(&error), "after {left} operations: {error:?}");
        // From then on nothing else is said but that.
        let again = ledger::transfer(&mut session, &mut random).unwrap_err();
        assert!(matches!(again, Error::Broken | Error::Aborted), "{again:?}");
        drop(session);
        drop(database);
        let mut disk = disk.0.lock().unwrap();
        disk.fault = None;
        for bytes in [disk.bytes.clone(), disk.after_power_cut(&mut random)] {
            let database = open(&FaultyBackend::with(bytes)).unwrap();
            let transfers = ledger::check(&database).unwrap();
            assert!(
                transfers == done || transfers == done + 1,
                "{transfers}, {done}"
            );
        }
        failures += 1;
    }
    assert!(failures > 100);
}

#[test]
fn a_write_that_fails_leaves_what_was_committed() {
    fail_at_every_operation(io::ErrorKind::Other, |error| matches!(error, Error::Io(_)));
}

#[test]
fn a_full_disk_leaves_what_was_committed() {
    fail_at_every_operation(io::ErrorKind::StorageFull, |error| {
        matches!(error, Error::Full)
    });
}

/// A batch inside of a transaction says itself what was wrong; then only opening the database again helps.
#[test]
fn a_full_disk_is_said_in_transactions_as_well() {
    let disk = FaultyBackend::with(ledger_bytes());
    let engine = Embedded::on(disk.clone(), 0).unwrap();
    let database = Database::on(Arc::new(engine), Options::default()).unwrap();
    let mut session = database.session();
    let table = session.create_table("big").unwrap();
    {
        let mut disk = disk.0.lock().unwrap();
        disk.left = Some(0);
        disk.fault = Some(io::ErrorKind::StorageFull);
    }
    session.begin().unwrap();
    let value = vec![7; 1 << 20];
    let changes: Vec<_> = (0..40u8).map(|key| [key]).collect();
    let changes: Vec<_> = changes
        .iter()
        .map(|key| Change::Put { key, value: &value })
        .collect();
    let error = session.apply(table, &changes).unwrap_err();
    assert!(matches!(error, Error::Full), "{error:?}");
    assert!(matches!(session.commit(), Err(Error::Aborted)));
    session.rollback().unwrap();
    assert!(matches!(session.get(table, b"x"), Err(Error::Broken)));
    drop(session);
    drop(database);
    let mut disk = disk.0.lock().unwrap();
    disk.fault = None;
    let database = open(&FaultyBackend::with(disk.bytes.clone())).unwrap();
    assert_eq!(ledger::check(&database).unwrap(), 19);
}

/// Opens damaged bytes: an error, or all the data that was there.
fn look_at(bytes: Vec<u8>, at: usize) -> bool {
    let outcome = open(&FaultyBackend::with(bytes)).and_then(|database| ledger::check(&database));
    match outcome {
        Ok(transfers) => {
            assert_eq!(transfers, 19, "byte {at}");
            true
        }
        Err(Error::Corrupt(_) | Error::Full | Error::NotADatabase) => false,
        Err(error) => panic!("byte {at}: {error:?}"),
    }
}

#[test]
fn damaged_bytes_are_noticed_or_do_not_matter() {
    let bytes = ledger_bytes();
    let mut random = Random(5);
    let mut noticed = 0;
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    let header = (0..512).map(|at| (at, 1 << (at % 8)));
    let anywhere: Vec<_> = (0..1000)
        .map(|_| {
            (
                random.below(used as u64) as usize,
                1 + random.below(255) as u8,
            )
        })
        .collect();
    for (at, mask) in header.chain(anywhere) {
        let mut damaged = bytes.clone();
        damaged[at] ^= mask;
        noticed += usize::from(!look_at(damaged, at));
    }
    assert!(noticed > 50, "{noticed} were noticed");
    for len in [0, 1, 9, 100, 511, 4096, bytes.len() / 2, bytes.len() - 1] {
        let outcome = open(&FaultyBackend::with(bytes[..len].to_vec()));
        assert!(len == 0 || outcome.is_err(), "{len} bytes");
    }
}

#[test]
fn files_of_others_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for content in ["x", "a text file that is no database at all\n", ""] {
        std::fs::write(&path, content).unwrap();
        let outcome = Database::open(&path, Options::default());
        match content {
            "" => assert!(outcome.is_ok()),
            _ => {
                assert!(matches!(outcome, Err(Error::NotADatabase)), "{outcome:?}");
                assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
            }
        }
    }
    let foreign = folder.path().join("foreign");
    let database = redb::Database::create(&foreign).unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_table(redb::TableDefinition::<u64, u64>::new("x"))
        .unwrap();
    write.commit().unwrap();
    assert!(matches!(
        Database::open(&foreign, Options::default()),
        Err(Error::InUse)
    ));
    drop(database);
    assert!(matches!(
        Database::open(&foreign, Options::default()),
        Err(Error::NotADatabase)
    ));
    let foreign = folder.path().join("multimap");
    let database = redb::Database::create(&foreign).unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_multimap_table(redb::MultimapTableDefinition::<u64, u64>::new("x"))
        .unwrap();
    write.commit().unwrap();
    drop(database);
    assert!(matches!(
        Database::open(&foreign, Options::default()),
        Err(Error::NotADatabase)
    ));
    assert!(matches!(
        Database::open(folder.path(), Options::default()),
        Err(Error::Io(_))
    ));
    let nowhere = folder.path().join("no/file");
    assert!(matches!(
        Database::open(nowhere, Options::default()),
        Err(Error::Io(_))
    ));
}
