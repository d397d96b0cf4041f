//! What sessions do, whatever stores their bytes: every test is of redb, and of PostgreSQL.

#[cfg(feature = "postgres")]
#[allow(dead_code, reason = "servers are not killed here")]
#[path = "../server/mod.rs"]
mod server;

/// Makes tests of functions that are given an engine, and a list of them for other engines.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// The tests here, by their names.
        #[cfg(feature = "postgres")]
        pub(crate) const CASES: &[crate::Case] = &[$((stringify!($name), $name)),+];

        mod on_redb {
            $(#[test]
            fn $name() {
                super::$name(&crate::Engine::Redb);
            })+
        }
    };
}

mod many;
mod model;
mod plans;
mod reviewed;
mod scripts;

use dotvm_dotdb::{Database, Options, Place};

/// A test, by its name.
#[cfg(feature = "postgres")]
type Case = (&'static str, fn(&Engine));

/// What stores bytes.
pub(crate) enum Engine {
    Redb,
    /// A server, and the next schema on it.
    #[cfg(feature = "postgres")]
    Postgres(server::Server, std::sync::atomic::AtomicU32),
}

impl Engine {
    /// A new database.
    #[track_caller]
    pub(crate) fn database(&self, options: Options) -> Database {
        match self {
            Engine::Redb => Database::in_memory(options).unwrap(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(..) => self.place().0.open(options).unwrap(),
        }
    }

    /// The place of a new database, and a folder that is to be kept for as long.
    pub(crate) fn place(&self) -> (Place, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let place = match self {
            Engine::Redb => Place::new(folder.path().join("db")),
            #[cfg(feature = "postgres")]
            Engine::Postgres(server, next) => {
                let schema = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Place::new(server.url(schema))
            }
        };
        (place, folder)
    }

    /// How many of so many random cases there is time for.
    pub(crate) fn affordable(&self, cases: u32) -> u32 {
        match self {
            Engine::Redb => cases,
            #[cfg(feature = "postgres")]
            Engine::Postgres(..) => cases / 10,
        }
    }
}

/// All of them on one server, which takes longer to start than most of them.
#[cfg(feature = "postgres")]
#[test]
fn the_same_on_postgresql() {
    if server::is_left_out() {
        return;
    }
    let engine = Engine::Postgres(server::Server::start(), 0.into());
    let cases = [
        many::CASES,
        model::CASES,
        plans::CASES,
        reviewed::CASES,
        scripts::CASES,
    ]
    .concat();
    assert!(cases.len() >= 10, "{} tests", cases.len());
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let engine = &engine;
        let run = |&(name, case): &Case| (name, scope.spawn(move || case(engine)));
        let running: Vec<_> = cases.iter().map(run).collect();
        let ended = running.into_iter().map(|(name, case)| (name, case.join()));
        ended
            .filter(|(_, ended)| ended.is_err())
            .map(|(name, _)| name)
            .collect()
    });
    assert_eq!(failed, Vec::<&str>::new());
}
