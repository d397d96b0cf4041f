//! Tables: making them, finding them, removing them.

use std::sync::Arc;

use super::{OpenTable, Session};
use crate::catalog::{
    CATALOG, NEXT_KEY, TABLE_PREFIX, TableDef, check_machine_name, check_name, is_machine_name,
    table_key,
};
use crate::engine::{Budget, Direction, Rows, Space};
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::limits::at_most;

/// A table of a [`Session`], by its name: where it is removed and made again, it is the new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableId(pub(crate) u32);

impl TableId {
    /// Its number, which counts from 0 in each session.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// What is known of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its indices.
    pub indices: Vec<super::IndexInfo>,
}

impl Session {
    /// The table of that name.
    ///
    /// # Errors
    /// [`UnknownTable`](Error::UnknownTable), and those of reading.
    pub fn table(&mut self, name: &str) -> Result<TableId> {
        check_name(name)?;
        let def = self.find(name)?;
        Ok(self.open(name, Arc::new(def)))
    }

    /// The table that has this number in the session.
    ///
    /// # Errors
    /// [`UnknownTable`](Error::UnknownTable).
    pub fn numbered_table(&self, number: u32) -> Result<TableId> {
        match self.tables.get(number as usize) {
            Some(_) => Ok(TableId(number)),
            None => Err(Error::UnknownTable(format!("number {number}"))),
        }
    }

    /// The table of that name; makes one where there is none.
    ///
    /// # Errors
    /// [`Name`](Error::Name), [`Limit`](Error::Limit), and those of writing.
    pub fn create_table(&mut self, name: &str) -> Result<TableId> {
        match self.table(name) {
            Err(Error::UnknownTable(_)) => self.create(name),
            known => known,
        }
    }

    /// The machine's own table of that name, which starts with `.`, so that no program and no query can name it.
    /// Limits on tables, keys and values are not for these.
    ///
    /// # Errors
    /// [`Name`](Error::Name), [`UnknownTable`](Error::UnknownTable), and those of reading.
    pub fn machine_table(&mut self, name: &str) -> Result<TableId> {
        check_machine_name(name)?;
        let def = self.find(name)?;
        Ok(self.open(name, Arc::new(def)))
    }

    /// The same; makes one where there is none.
    ///
    /// # Errors
    /// [`Name`](Error::Name), and those of writing.
    pub fn create_machine_table(&mut self, name: &str) -> Result<TableId> {
        match self.machine_table(name) {
            Err(Error::UnknownTable(_)) => self.create(name),
            known => known,
        }
    }

    /// Whether a table is one of the machine's own.
    pub fn is_machine_table(&self, table: TableId) -> bool {
        self.name(table).is_ok_and(is_machine_name)
    }

    fn create(&mut self, name: &str) -> Result<TableId> {
        let def = self.atomically(|session| match session.find(name) {
            // Others were faster.
            Ok(def) => Ok(def),
            Err(Error::UnknownTable(_)) => {
                if !is_machine_name(name) {
                    let mut names = session.table_names()?;
                    names.retain(|name| !is_machine_name(name));
                    at_most("tables", names.len() as u64 + 1, session.limits().tables)?;
                }
                let def = TableDef {
                    space: session.new_space()?,
                    indices: Vec::new(),
                };
                session.define(name, &def)?;
                Ok(def)
            }
            Err(error) => Err(error),
        })?;
        Ok(self.open(name, Arc::new(def)))
    }

    /// Removes a table, with its rows and indices; returns whether there was one.
    ///
    /// # Errors
    /// [`Name`](Error::Name), and those of writing.
    pub fn drop_table(&mut self, name: &str) -> Result<bool> {
        check_name(name)?;
        self.atomically(|session| {
            let def = match session.find(name) {
                Err(Error::UnknownTable(_)) => return Ok(false),
                def => def?,
            };
            let writer = session.writer()?;
            writer.delete(CATALOG, &table_key(name))?;
            for index in &def.indices {
                writer.forget(index.space)?;
            }
            writer.forget(def.space)?;
            session.epoch += 1;
            Ok(true)
        })
    }

    /// The names of all tables, in order.
    ///
    /// # Errors
    /// Those of reading.
    pub fn table_names(&mut self) -> Result<Vec<String>> {
        self.hold(Session::read_table_names)
    }

    fn read_table_names(&mut self) -> Result<Vec<String>> {
        let mut rows = Rows::new();
        let budget = Budget {
            rows: usize::MAX,
            bytes: 64 << 20,
        };
        let range = Interval::prefix(TABLE_PREFIX);
        self.reader()?
            .scan(CATALOG, &range, Direction::Forward, budget, &mut rows)?;
        let names = rows.iter().map(|(key, _)| {
            String::from_utf8(key[TABLE_PREFIX.len()..].to_vec())
                .map_err(|_| Error::Corrupt("the name of a table".to_owned()))
        });
        names.collect()
    }

    /// What is known of a table.
    ///
    /// # Errors
    /// Those of reading.
    pub fn table_info(&mut self, table: TableId) -> Result<TableInfo> {
        self.hold(|session| {
            Ok(TableInfo {
                name: session.name(table)?.to_owned(),
                rows: session.count(table, &Interval::all())?,
                indices: session.indices(table)?,
            })
        })
    }

    /// The name of a table of this session.
    pub(super) fn name(&self, table: TableId) -> Result<&str> {
        match self.tables.get(table.0 as usize) {
            Some(open) => Ok(&open.name),
            None => Err(Error::UnknownTable(format!("number {}", table.0))),
        }
    }

    /// The definition of a table in the view that there is now.
    pub(crate) fn def(&mut self, table: TableId) -> Result<&Arc<TableDef>> {
        self.look()?;
        let open = self.tables.get(table.0 as usize);
        let Some(OpenTable { name, epoch, .. }) = open else {
            return Err(Error::UnknownTable(format!("number {}", table.0)));
        };
        if *epoch != self.epoch {
            let name = name.clone();
            let def = self.find(&name)?;
            let epoch = self.epoch;
            let open = &mut self.tables[table.0 as usize];
            open.epoch = epoch;
            if *open.def != def {
                open.def = Arc::new(def);
            }
        }
        Ok(&self.tables[table.0 as usize].def)
    }

    /// Sets the definition of a table.
    pub(super) fn define(&mut self, name: &str, def: &TableDef) -> Result {
        let bytes = def.encode();
        let key = table_key(name);
        self.reserve(key.len() + bytes.len(), 0)?;
        self.writer()?.put(CATALOG, &key, &bytes)?;
        self.epoch += 1;
        Ok(())
    }

    /// Takes a space that nobody has had before.
    pub(super) fn new_space(&mut self) -> Result<Space> {
        let mut next = None;
        self.reader()?.get(CATALOG, NEXT_KEY, &mut |bytes| {
            next = bytes.try_into().ok().map(u32::from_le_bytes);
        })?;
        let number = next.filter(|&number| number > 0 && number < u32::MAX);
        let number =
            number.ok_or_else(|| Error::Corrupt("the number of the next space".to_owned()))?;
        let following = (number + 1).to_le_bytes();
        self.writer()?.put(CATALOG, NEXT_KEY, &following)?;
        Ok(Space(number))
    }

    pub(super) fn find(&mut self, name: &str) -> Result<TableDef> {
        let mut def = None;
        self.hold(|session| {
            let reader = session.reader()?;
            reader.get(CATALOG, &table_key(name), &mut |bytes| {
                def = Some(TableDef::decode(bytes));
            })
        })?;
        def.unwrap_or_else(|| Err(Error::UnknownTable(name.to_owned())))
    }

    fn open(&mut self, name: &str, def: Arc<TableDef>) -> TableId {
        let epoch = self.epoch;
        let known = self.tables.iter().position(|open| open.name == name);
        let number = known.unwrap_or(self.tables.len());
        let open = OpenTable {
            name: name.to_owned(),
            // In a transaction of its own that is over, the definition is looked up again.
            epoch: if self.depth() > 0 { epoch } else { 0 },
            def,
        };
        match known {
            Some(number) => self.tables[number] = open,
            None => self.tables.push(open),
        }
        TableId(number as u32)
    }
}
