//! A ledger: accounts whose sum never changes, an index by balance, and a count of transfers.

use dotvm_dotdb::{Database, Direction, Interval, Result, Session};

pub(crate) const ACCOUNTS: u64 = 100;
const BALANCE: u64 = 1000;

/// Numbers that look random (xorshift).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

fn balance(session: &mut Session, account: u64) -> Result<u64> {
    let table = session.table("accounts")?;
    let value = session
        .get(table, &account.to_be_bytes())?
        .expect("an account");
    Ok(u64::from_be_bytes(value.try_into().expect("8 bytes")))
}

/// Opens accounts, where there are none.
pub(crate) fn found(database: &Database) -> Result<()> {
    let mut session = database.session();
    session.begin()?;
    let accounts = session.create_table("accounts")?;
    let log = session.create_table("log")?;
    if session.count(accounts, &Interval::all())? == 0 {
        for account in 0..ACCOUNTS {
            session.put(accounts, &account.to_be_bytes(), &BALANCE.to_be_bytes())?;
        }
        session.create_index(accounts, "balance", "bytes 0..8")?;
        session.put(log, b"transfers", &0u64.to_be_bytes())?;
    }
    session.commit()
}

/// A random transfer; some are rolled back in part. Returns how many there were by then.
pub(crate) fn transfer(session: &mut Session, random: &mut Random) -> Result<u64> {
    session.begin()?;
    let accounts = session.table("accounts")?;
    let log = session.table("log")?;
    let transfers = transfers(session)? + 1;
    for _ in 0..1 + random.below(3) {
        session.begin()?;
        let (from, to) = (random.below(ACCOUNTS), random.below(ACCOUNTS));
        let amount = random.below(50);
        let left = balance(session, from)?.checked_sub(amount);
        if let Some(left) = left {
            session.put(accounts, &from.to_be_bytes(), &left.to_be_bytes())?;
        }
        let more = balance(session, to)? + amount;
        session.put(accounts, &to.to_be_bytes(), &more.to_be_bytes())?;
        match left {
            Some(_) => session.commit()?,
            None => session.rollback()?,
        }
    }
    session.put(log, b"transfers", &transfers.to_be_bytes())?;
    session.commit()?;
    Ok(transfers)
}

/// How many transfers there were.
pub(crate) fn transfers(session: &mut Session) -> Result<u64> {
    let log = session.table("log")?;
    let value = session.get(log, b"transfers")?.expect("a count");
    Ok(u64::from_be_bytes(value.try_into().expect("8 bytes")))
}

/// Checks that the sum is what it was and that the index has what the rows have; returns how many transfers
/// there were.
pub(crate) fn check(database: &Database) -> Result<u64> {
    let mut session = database.session();
    let accounts = session.table("accounts")?;
    let mut rows = session.scan(accounts, Interval::all(), Direction::Forward)?;
    let (mut sum, mut count) = (0, 0);
    while let Some((_, value)) = rows.next(&mut session)? {
        sum += u64::from_be_bytes(value.try_into().expect("8 bytes"));
        count += 1;
    }
    assert_eq!((count, sum), (ACCOUNTS, ACCOUNTS * BALANCE));
    assert_eq!(session.check_indices(accounts)?, Vec::<String>::new());
    transfers(&mut session)
}
