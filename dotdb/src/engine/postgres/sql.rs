//! What a server is told.
//!
//! All spaces are in one table: a table for each would have definitions of tables in transactions, which other
//! transactions do not see as they see rows, and lock each other out.

/// What every connection starts with.
pub(super) const CONNECTED: &str =
    "SET application_name = 'dotvm'; SET client_min_messages = warning";

/// The same, where the server is PostgreSQL itself. Rows are found by the primary key whatever statistics say: reading a whole
/// table would make every transaction one that stands in the way. A connection whose other side is gone gives its
/// locks back after a minute.
pub(super) const CONNECTED_TO_POSTGRESQL: &str = "\
    SET application_name = 'dotvm'; SET client_min_messages = warning; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan; \
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

pub(super) const VERSION: &str = "SELECT version()";

/// Whether there is a database.
pub(super) const EXISTS: &str =
    "SELECT to_regclass('dotdb_rows') IS NOT NULL AND to_regclass('dotdb_writers') IS NOT NULL";

/// Makes one. Nobody else makes one meanwhile: `IF NOT EXISTS` alone does not see what others are about to make.
pub(super) const CREATE: &str = "\
    BEGIN; \
    SELECT pg_advisory_xact_lock(7237117975334838885); \
    CREATE TABLE IF NOT EXISTS dotdb_rows ( \
        space bigint NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (space, key)); \
    CREATE TABLE IF NOT EXISTS dotdb_writers (); \
    COMMIT";

pub(super) const STORED_BYTES: &str = "SELECT pg_total_relation_size('dotdb_rows')";

/// The same, where servers do not count files.
pub(super) const STORED_BYTES_OF_ROWS: &str =
    "SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0)::bigint FROM dotdb_rows";

/// A snapshot of what was committed, taken now.
pub(super) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1";
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
/// For one that runs alone, so it is serializable whatever the server does about it. The server must not look for
/// dependencies: where it remembers many transactions, because one of anybody's stays open for long, it finds some
/// that are none, and whoever cannot repeat the transaction would be told of a conflict.
pub(super) const BEGIN_ALONE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";
/// Alone: the snapshot is taken with the first statement behind it, when others have ended.
pub(super) const LOCK_ALONE: &str = "LOCK TABLE dotdb_writers IN EXCLUSIVE MODE";
/// Together with others who do the same.
pub(super) const LOCK_TOGETHER: &str = "LOCK TABLE dotdb_writers IN ROW SHARE MODE";

/// The number of the transaction, by which others can ask what became of it.
pub(super) const NUMBER: &str = "SELECT txid_current_if_assigned()";
pub(super) const STATUS: &str = "SELECT txid_status($1)";

pub(super) const GET: &str = "SELECT value FROM dotdb_rows WHERE space = $1 AND key = $2";

pub(super) const PUT: &str = "\
    WITH old AS (SELECT octet_length(value) AS bytes FROM dotdb_rows WHERE space = $1 AND key = $2) \
    INSERT INTO dotdb_rows (space, key, value) VALUES ($1, $2, $3) \
    ON CONFLICT (space, key) DO UPDATE SET value = excluded.value \
    RETURNING (SELECT bytes FROM old)";

pub(super) const DELETE: &str =
    "DELETE FROM dotdb_rows WHERE space = $1 AND key = $2 RETURNING octet_length(value)";

/// Removes some rows of a space.
pub(super) const CLEAR: &str = "\
    DELETE FROM dotdb_rows WHERE space = $1 AND key IN \
    (SELECT key FROM dotdb_rows WHERE space = $1 ORDER BY key LIMIT $2)";

macro_rules! scan {
    ($range:literal, $order:literal, $rows:literal, $bytes:literal) => {
        concat!(
            "SELECT key, value FROM (SELECT key, value, ",
            "sum(octet_length(key) + octet_length(value)) OVER (ORDER BY key ",
            $order,
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM ",
            "(SELECT key, value FROM dotdb_rows WHERE space = $1 AND ",
            $range,
            " ORDER BY key ",
            $order,
            " LIMIT ",
            $rows,
            ") AS piece) AS sized WHERE coalesce(before, 0) < ",
            $bytes,
            " ORDER BY key ",
            $order
        )
    };
}

/// Rows of a range, as many as may be, up to the one with which there are enough bytes; the server sends no more.
pub(super) const SCAN: &str = scan!("key >= $2 AND key < $3", "ASC", "$4", "$5::bigint");
pub(super) const SCAN_BACKWARD: &str = scan!("key >= $2 AND key < $3", "DESC", "$4", "$5::bigint");
/// The same, for ranges without an end.
pub(super) const SCAN_FROM: &str = scan!("key >= $2", "ASC", "$3", "$4::bigint");
pub(super) const SCAN_FROM_BACKWARD: &str = scan!("key >= $2", "DESC", "$3", "$4::bigint");

pub(super) const COUNT: &str = "SELECT count(*) FROM (SELECT FROM dotdb_rows \
    WHERE space = $1 AND key >= $2 AND key < $3 LIMIT $4) AS piece";
pub(super) const COUNT_FROM: &str = "SELECT count(*) FROM (SELECT FROM dotdb_rows WHERE space = $1 AND key >= $2 LIMIT $3) AS piece";
