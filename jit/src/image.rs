//! Images: native code of a module in one piece, as it is kept in files.
//!
//! An image starts with four numbers of 32 bits: how many units there are, how many bytes from its
//! start to the code, how many bytes of code, and how many of the units are functions. Then comes a row
//! of six numbers for each unit, in the order of [`Unit`], which is that of their code too: its kind,
//! two numbers that say which one it is, where its code starts in the code, how long that is, and where
//! in the image its [tables](crate::tables) are. Direct calls within an image need no relocation. So
//! nothing is done for a unit before it is first looked for.

use std::ops::Range;
use std::sync::Arc;

use dotvm_isa::Bytes;

use crate::compile::Unit;
use crate::link::Piece;
use crate::native::{Code, FileMemory, traps};
use crate::tables::Tables;

/// Numbers in front of the rows.
pub(crate) const HEADER: usize = 4;

/// Numbers of a row.
pub(crate) const ROW: usize = 6;

/// Images, and the code in them, start at multiples of this.
pub const IMAGE_ALIGNMENT: usize = 4096;

/// An image in memory, executable. Its code can be used as long as this exists.
#[derive(Debug)]
pub struct Image(Arc<ImageCode>);

/// What the trap handler knows of an image.
#[derive(Debug)]
pub(crate) struct ImageCode {
    memory: Arc<FileMemory>,
    /// The same bytes, to be shared.
    bytes: Bytes,
    /// Where the image starts in them.
    start: usize,
    units: usize,
    /// How many of these are functions.
    funcs: usize,
    /// Where the code is in them.
    code: Range<usize>,
}

/// The number of a kind of units, and the two that say which one it is.
pub(crate) fn numbers_of(unit: Unit) -> [u32; 3] {
    match unit {
        Unit::Func { func } => [0, func, 0],
        Unit::Loop { func, header } => [1, func, header],
        Unit::Adapter { ty } => [2, ty, 0],
    }
}

fn unit_of(numbers: [u32; 3]) -> Unit {
    let [kind, a, b] = numbers;
    match kind {
        0 => Unit::Func { func: a },
        1 => Unit::Loop { func: a, header: b },
        _ => Unit::Adapter { ty: a },
    }
}

impl Image {
    /// The image at `part` of a file, whose bytes are known to be those that [`link`](crate::link())
    /// made; it is made executable.
    ///
    /// # Errors
    /// Where it is no image, or the operating system does not allow code there.
    pub fn load(memory: &Arc<FileMemory>, part: Range<usize>) -> std::io::Result<Image> {
        let malformed = || std::io::Error::other("no native code");
        let bytes = Bytes::new(Shared(Arc::clone(memory)));
        let number = |index: usize| number_at(&bytes, part.start + index * 4);
        let [units, before, len, funcs] = [0, 1, 2, 3].map(number);
        let code = part.start + before..part.start + before + len;
        let rows_end = part.start + 4 * (HEADER + ROW * units);
        if code.end > part.end || rows_end > code.start || part.end > memory.as_ref().as_ref().len()
        {
            return Err(malformed());
        }
        memory.make_executable(code.clone())?;
        let image = Arc::new(ImageCode {
            memory: Arc::clone(memory),
            bytes,
            start: part.start,
            units,
            funcs,
            code,
        });
        traps::register_image(&image);
        Ok(Image(image))
    }

    /// The code of a unit, where it is here.
    pub fn find(&self, unit: Unit) -> Option<Code> {
        let (mut low, mut high) = (0, self.0.units);
        while low < high {
            let middle = low.midpoint(high);
            match self.0.unit(middle).cmp(&unit) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return self.0.get(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Everything that is in it.
    pub fn codes(&self) -> impl Iterator<Item = Code> + '_ {
        (0..self.0.units).filter_map(|at| self.0.get(at))
    }

    /// How many functions are in it.
    pub fn funcs(&self) -> usize {
        self.0.funcs
    }

    /// Bytes of code.
    pub fn code_bytes(&self) -> usize {
        self.0.code.len()
    }

    /// Whether an address is in its code.
    pub fn contains(&self, address: usize) -> bool {
        self.0.range().contains(&address)
    }

    /// Everything that is in it, to be linked again.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> + '_ {
        let all = self.0.memory.as_ref().as_ref();
        self.codes().filter_map(move |code| {
            let at = self.0.code.start + (code.entry().addr() - self.0.range().start);
            let bytes = all.get(at..at + code.len())?;
            Some(Piece::new(code.unit, bytes.into(), code.tables().clone()))
        })
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        traps::unregister_image(&self.0);
    }
}

impl ImageCode {
    /// The addresses of its instructions.
    pub(crate) fn range(&self) -> Range<usize> {
        self.memory.address(self.code.start)..self.memory.address(self.code.end)
    }

    fn row(&self, at: usize) -> [u32; ROW] {
        let start = self.start + 4 * (HEADER + ROW * at);
        std::array::from_fn(|index| number_at(&self.bytes, start + 4 * index) as u32)
    }

    fn unit(&self, at: usize) -> Unit {
        let [kind, a, b, ..] = self.row(at);
        unit_of([kind, a, b])
    }

    fn get(&self, at: usize) -> Option<Code> {
        let [kind, a, b, start, len, tables] = self.row(at);
        let (start, len) = (start as usize, len as usize);
        if at >= self.units || start + len > self.code.len() {
            return None;
        }
        let address = self.memory.address(self.code.start + start);
        let tables = Tables::at(&self.bytes, self.start + tables as usize);
        Some(Code::new(unit_of([kind, a, b]), address, len, tables))
    }

    /// The unit that contains an address or ends there.
    pub(crate) fn find(&self, pc: usize) -> Option<Code> {
        let offset = pc.checked_sub(self.range().start)?;
        let (mut low, mut high) = (0, self.units);
        while low < high {
            let middle = low.midpoint(high);
            match self.row(middle)[3] as usize <= offset {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let code = self.get(low.checked_sub(1)?)?;
        (pc <= code.range().end).then_some(code)
    }
}

/// A number of 32 bits; 0 where there are no bytes.
fn number_at(bytes: &Bytes, at: usize) -> usize {
    let bytes = bytes.as_slice().get(at..at + 4);
    bytes.map_or(0, |bytes| {
        u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize
    })
}

struct Shared(Arc<FileMemory>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}
