//! Rows of the opcode table: databases.
//!
//! Keys, values, names and texts are buffers in memory 0. Tables and cursors are handles, numbers above 0 that mean
//! something to the store that gave them only. The chapter `docs/dotdb.md` says what tables, transactions, indices
//! and queries are, [`crate::db`] how parameters and batches are written down.

/// Hands on `$before` and the rows of services, with those of databases behind them.
#[doc(hidden)]
#[macro_export]
macro_rules! with_db_ops {
    ($m:ident $before:tt { $($rows:tt)* }) => {
        $crate::with_bigint_ops! { $m $before {
            $($rows)*
            DbTable Memory Bytes "db_table" 0xe680 [] Database Arch32 200 (I32 I32 -> I32) "`name len -- table`: the table of that name, 0 where there is none.";
            DbTableCreate Memory Bytes "db_table_create" 0xe681 [] Database Arch32 1000 (I32 I32 -> I32) "`name len -- table`: the table of that name, which is made where there is none.";
            DbTableDrop Memory Bytes "db_table_drop" 0xe682 [] Database Arch32 1000 (I32 I32 -> I32) "`name len -- i32`: removes a table with its rows and indices; 1 where there was one, else 0.";
            DbTables Memory Rows "db_tables" 0xe683 [] Database Arch32 1000 (I32 I32 -> I32) "`dst len -- i32`: writes the names of all tables in order, with a line feed behind each, where they fit, and pushes their length.";
            DbGet Memory Bytes "db_get" 0xe688 [] Database Arch32 200 (I32 I32 I32 I32 I32 -> I32) "`table key key_len dst len -- i32`: writes the value of the key where it fits, and pushes its length; -1 where the key is not there.";
            DbExists Memory Bytes "db_exists" 0xe689 [] Database Arch32 200 (I32 I32 I32 -> I32) "`table key key_len -- i32`: 1 where the key is there, else 0.";
            DbPut Memory Bytes "db_put" 0xe68a [] Database Arch32 500 (I32 I32 I32 I32 I32 -> I32) "`table key key_len value len -- i32`: sets the value of the key; 1 where it had one, else 0.";
            DbDelete Memory Bytes "db_delete" 0xe68b [] Database Arch32 500 (I32 I32 I32 -> I32) "`table key key_len -- i32`: removes the key; 1 where it was there, else 0.";
            DbSwap Memory Bytes "db_swap" 0xe68c [] Database Arch32 500 (I32 I32 I32 I32 I32 I32 I32 -> I32) "`table key key_len old old_len new new_len -- i32`: sets the value of the key to `new` where it is `old`, and pushes 1, else 0. A length of -1 stands for no value.";
            DbBatch Memory Rows "db_batch" 0xe68d [] Database Arch32 500 (I32 I32 I32 -> I32) "`table src len -- i32`: makes all [changes](#services) that are written there, or none; pushes how many there are.";
            DbCount Memory Rows "db_count" 0xe68e [] Database Arch32 500 (I32 I32 I32 I32 I32 -> I32) "`table low low_len high high_len -- i32`: how many rows have keys from `low` on, up to but without `high`, where a length of -1 stands for no end; at most 2^32 - 1.";
            DbDeleteRange Memory Rows "db_delete_range" 0xe68f [] Database Arch32 1000 (I32 I32 I32 I32 I32 -> I32) "`table low low_len high high_len -- i32`: removes these rows; pushes how many there were.";
            DbScan Memory Bytes "db_scan" 0xe690 [] Database Arch32 500 (I32 I32 I32 I32 I32 I32 I32 -> I32) "`table low low_len high high_len flags limit -- cursor`: these rows by rising keys, by falling ones where `flags` is 1 and not 0; so many at most, where the limit is not -1.";
            DbPrefix Memory Bytes "db_prefix" 0xe691 [] Database Arch32 500 (I32 I32 I32 I32 I32 -> I32) "`table prefix len flags limit -- cursor`: the rows whose keys start so, in the same way.";
            DbNext Memory Rows "db_next" 0xe692 [] Database Arch32 100 (I32 I32 I32 -> I32) "`cursor dst len -- i32`: writes as many of the next rows as fit, each as [lengths, key, value](#services); pushes how many bytes that are, 0 at the end. Where not even one fits, minus the bytes that it takes.";
            DbCursorDrop Plain Fixed "db_cursor_drop" 0xe693 [] Database Arch32 50 (I32 -> ) "`cursor`: ends the handle.";
            DbQuery Memory Rows "db_query" 0xe694 [] Database Arch32 2000 (I32 I32 I32 I32 -> I32) "`query len parameters parameters_len -- cursor`: the rows that a query asks for, with the [parameters](#services) for `$1`, `$2` …";
            DbExplain Memory Rows "db_explain" 0xe695 [] Database Arch32 2000 (I32 I32 I32 I32 I32 I32 -> I32) "`query query_len parameters parameters_len dst len -- i32`: writes how the query would be answered, as text, where it fits, and pushes its length.";
            DbIndex Memory Rows "db_index" 0xe698 [] Database Arch32 2000 (I32 I32 I32 I32 I32 -> I32) "`table name name_len field field_len -- i32`: declares an index of that name and field, such as `json holder`, which rows get into; 1 where it is new, else 0.";
            DbIndexDrop Memory Bytes "db_index_drop" 0xe699 [] Database Arch32 1000 (I32 I32 I32 -> I32) "`table name len -- i32`: removes an index; 1 where there was one, else 0.";
            DbBegin Plain Fixed "db_begin" 0xe6a0 [] Database Arch32 500 ( -> ) "Starts a transaction; in another one, a part of it that can be rolled back alone.";
            DbBeginRead Plain Fixed "db_begin_read" 0xe6a1 [] Database Arch32 500 ( -> ) "Starts a transaction that only reads what was committed by now; in another one, the same as `db_begin`.";
            DbCommit Plain Fixed "db_commit" 0xe6a2 [] Database Arch32 2000 ( -> ) "Ends the innermost transaction. With the outermost one, what was written is durable.";
            DbRollback Plain Fixed "db_rollback" 0xe6a3 [] Database Arch32 500 ( -> ) "Ends the innermost transaction; nothing that it wrote remains.";
            DbDepth Plain Fixed "db_depth" 0xe6a4 [] Database Arch32 20 ( -> I32) "How many transactions are inside each other, 0 where there is none.";
        } }
    };
}
