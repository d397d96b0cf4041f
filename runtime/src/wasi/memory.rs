//! Bounds-checked access to the program's memory.

use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

use super::errno::Errno;
use super::{Failure, Result};

/// How many bytes one read or write moves at most, as on Linux. What is beyond is left for the
/// program's next call.
const TRANSFER_BYTES_MAX: usize = 0x7fff_f000;

/// How many buffers one read or write uses at most (`IOV_MAX`); likewise.
const BUFFERS_MAX: usize = 1024;

/// How long a path may be, as on Linux: 4096 bytes with the final NUL.
const PATH_BYTES_MAX: u32 = 4095;

/// A pointer from the program that cannot be used. The run ends with a trap: the WASI
/// specification asks for it, and wasmtime does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first byte of the access.
    pub address: u32,
    /// How many bytes were to be accessed.
    pub length: u64,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It points beyond the program's memory, which has this many bytes.
    OutOfBounds {
        /// Size of the memory in bytes.
        memory: u64,
    },
    /// It is not a multiple of what the record at that place needs.
    Misaligned {
        /// The alignment in bytes.
        alignment: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            address,
            length,
            kind,
        } = self;
        match kind {
            FaultKind::OutOfBounds { memory } => write!(
                f,
                "WASI call with {length} bytes at {address:#x}, beyond the end of memory ({memory} bytes)"
            ),
            FaultKind::Misaligned { alignment } => {
                write!(
                    f,
                    "WASI call with pointer {address:#x}, which is not aligned to {alignment}"
                )
            }
        }
    }
}

impl std::error::Error for Fault {}

/// A view of the program's linear memory for the time of one WASI call.
///
/// Every access is checked against the bounds; one outside is a [`Fault`], never a panic.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: &'a mut [u8],
}

impl<'a> GuestMemory<'a> {
    /// Wraps the bytes of a linear memory; an empty slice for a program without one.
    pub fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory { bytes }
    }

    /// The indices of `length` bytes at `address`. No bytes are in bounds everywhere: nothing is
    /// accessed.
    fn range(&self, address: u32, length: u64) -> Result<Range<usize>, Fault> {
        let end = u64::from(address) + length;
        if length == 0 {
            return Ok(0..0);
        }
        match usize::try_from(end) {
            Ok(end) if end <= self.bytes.len() => Ok(address as usize..end),
            _ => {
                let memory = self.bytes.len() as u64;
                Err(Fault {
                    address,
                    length,
                    kind: FaultKind::OutOfBounds { memory },
                })
            }
        }
    }

    /// The indices of a record, which must be aligned.
    fn record(&self, address: u32, length: u64, alignment: u32) -> Result<Range<usize>, Fault> {
        let range = self.range(address, length)?;
        if !address.is_multiple_of(alignment) {
            return Err(Fault {
                address,
                length,
                kind: FaultKind::Misaligned { alignment },
            });
        }
        Ok(range)
    }

    /// Borrows bytes.
    pub(super) fn bytes(&self, address: u32, length: u32) -> Result<&[u8], Fault> {
        let range = self.range(address, u64::from(length))?;
        Ok(&self.bytes[range])
    }

    /// Borrows bytes to be written.
    pub(super) fn bytes_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], Fault> {
        let range = self.range(address, u64::from(length))?;
        Ok(&mut self.bytes[range])
    }

    /// Copies bytes in.
    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Fault> {
        let range = self.range(address, bytes.len() as u64)?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Copies a record in, which must be aligned.
    pub(super) fn write_record(
        &mut self,
        address: u32,
        alignment: u32,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let range = self.record(address, bytes.len() as u64, alignment)?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a 16-bit number.
    pub(super) fn write_u16(&mut self, address: u32, value: u16) -> Result<(), Fault> {
        self.write_record(address, 2, &value.to_le_bytes())
    }

    /// Writes a 32-bit number.
    pub(super) fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Fault> {
        self.write_record(address, 4, &value.to_le_bytes())
    }

    /// Writes a 64-bit number.
    pub(super) fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Fault> {
        self.write_record(address, 8, &value.to_le_bytes())
    }

    /// Borrows an array of `count` records of `size` bytes.
    pub(super) fn array(
        &self,
        address: u32,
        count: u32,
        size: u32,
        alignment: u32,
    ) -> Result<&[u8], Fault> {
        let range = self.record(address, u64::from(count) * u64::from(size), alignment)?;
        Ok(&self.bytes[range])
    }

    /// Borrows a path: UTF-8 (`EILSEQ` otherwise), without NUL (`EINVAL`), of a length the host
    /// can take (`ENAMETOOLONG`).
    pub(super) fn path(&self, address: u32, length: u32) -> Result<&str> {
        let bytes = self.bytes(address, length)?;
        if length > PATH_BYTES_MAX {
            return Err(Errno::NameTooLong.into());
        }
        let path = std::str::from_utf8(bytes).map_err(|_| Failure::Errno(Errno::Ilseq))?;
        if path.contains('\0') {
            return Err(Errno::Inval.into());
        }
        Ok(path)
    }

    /// The buffers an array of `count` iovecs describes, in order, without the empty ones, cut
    /// off where they have more than `limit` bytes.
    fn buffers(&self, iovecs: u32, count: u32, limit: usize) -> Result<Vec<Range<usize>>, Fault> {
        let records = self.array(iovecs, count, 8, 4)?;
        let mut buffers = Vec::with_capacity((count as usize).min(BUFFERS_MAX));
        let mut left = limit.min(TRANSFER_BYTES_MAX);
        for record in records.chunks_exact(8) {
            if left == 0 || buffers.len() == BUFFERS_MAX {
                break;
            }
            let address = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
            let length = u32::from_le_bytes([record[4], record[5], record[6], record[7]]);
            let mut range = self.range(address, u64::from(length))?;
            if range.is_empty() {
                continue;
            }
            range.end = range.start + range.len().min(left);
            left -= range.len();
            buffers.push(range);
        }
        Ok(buffers)
    }

    /// The buffers to write from, at most `limit` bytes.
    pub(super) fn sources(
        &self,
        iovecs: u32,
        count: u32,
        limit: usize,
    ) -> Result<Vec<IoSlice<'_>>, Fault> {
        let buffers = self.buffers(iovecs, count, limit)?;
        Ok(buffers
            .into_iter()
            .map(|range| IoSlice::new(&self.bytes[range]))
            .collect())
    }

    /// The buffers to read into, at most `limit` bytes. Where buffers overlap, only the first is
    /// given: reading less than asked for is always allowed.
    pub(super) fn targets(
        &mut self,
        iovecs: u32,
        count: u32,
        limit: usize,
    ) -> Result<Vec<IoSliceMut<'_>>, Fault> {
        let mut buffers = self.buffers(iovecs, count, limit)?;
        let mut by_address: Vec<usize> = (0..buffers.len()).collect();
        by_address.sort_by_key(|&index| buffers[index].start);
        if by_address
            .windows(2)
            .any(|pair| buffers[pair[0]].end > buffers[pair[1]].start)
        {
            buffers.truncate(1);
            by_address = vec![0];
        }

        let mut targets: Vec<Option<IoSliceMut<'_>>> = buffers.iter().map(|_| None).collect();
        let mut rest = &mut *self.bytes;
        let mut rest_start = 0;
        for index in by_address {
            let Range { start, end } = buffers[index];
            let (_, from_start) = std::mem::take(&mut rest).split_at_mut(start - rest_start);
            let (buffer, from_end) = from_start.split_at_mut(end - start);
            targets[index] = Some(IoSliceMut::new(buffer));
            (rest, rest_start) = (from_end, end);
        }
        Ok(targets.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts iovecs at the start of a memory and describes the buffers they give for reading.
    fn targets(iovecs: &[(u32, u32)], limit: usize) -> String {
        let mut bytes: Vec<u8> = (0..=255).collect();
        for (index, (address, length)) in iovecs.iter().enumerate() {
            bytes[index * 8..][..4].copy_from_slice(&address.to_le_bytes());
            bytes[index * 8 + 4..][..4].copy_from_slice(&length.to_le_bytes());
        }
        let mut memory = GuestMemory::new(&mut bytes);
        match memory.targets(0, u32::try_from(iovecs.len()).unwrap(), limit) {
            Ok(targets) => {
                let parts: Vec<_> = targets
                    .iter()
                    .map(|b| format!("{}+{}", b[0], b.len()))
                    .collect();
                parts.join(" ")
            }
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn buffers_come_in_the_order_the_program_gave() {
        assert_eq!(
            targets(&[(100, 10), (50, 20), (200, 56)], usize::MAX),
            "100+10 50+20 200+56"
        );
        assert_eq!(
            targets(&[(100, 0), (50, 20), (u32::MAX, 0)], usize::MAX),
            "50+20"
        );
        assert_eq!(
            targets(&[(100, 10), (110, 10)], usize::MAX),
            "100+10 110+10"
        );
        assert_eq!(targets(&[(100, 10), (50, 20)], 15), "100+10 50+5");
        assert_eq!(targets(&[], usize::MAX), "");
    }

    #[test]
    fn overlapping_buffers_give_a_short_read() {
        assert_eq!(targets(&[(100, 10), (105, 10)], usize::MAX), "100+10");
        assert_eq!(targets(&[(100, 10), (60, 41)], usize::MAX), "100+10");
    }

    #[test]
    fn buffers_out_of_bounds_are_a_fault() {
        assert_eq!(
            targets(&[(100, 10), (255, 2)], usize::MAX),
            "WASI call with 2 bytes at 0xff, beyond the end of memory (256 bytes)"
        );
        assert_eq!(
            targets(&[(u32::MAX, u32::MAX)], usize::MAX),
            "WASI call with 4294967295 bytes at 0xffffffff, beyond the end of memory (256 bytes)"
        );
    }

    #[test]
    fn paths_are_checked() {
        let mut bytes = b"dir/file\xff\0".to_vec();
        bytes.resize(8192, b'x');
        let memory = GuestMemory::new(&mut bytes);
        let path = |address, length| match memory.path(address, length) {
            Ok(path) => path.to_owned(),
            Err(failure) => format!("{failure:?}"),
        };
        assert_eq!(path(0, 8), "dir/file");
        assert_eq!(path(0, 9), "Errno(Ilseq)");
        assert_eq!(path(9, 1), "Errno(Inval)");
        assert_eq!(path(16, 4096), "Errno(NameTooLong)");
        assert_eq!(path(16, 4095).len(), 4095);
        assert!(path(8000, 200).contains("OutOfBounds"));
        assert_eq!(path(u32::MAX, 0), "");
    }

    #[test]
    fn records_must_be_aligned() {
        let mut bytes = vec![0; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        assert!(memory.write_u64(8, 7).is_ok());
        let fault = memory.write_u64(4, 7).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "WASI call with pointer 0x4, which is not aligned to 8"
        );
        assert!(memory.write_u64(16, 7).is_err());
        assert_eq!(bytes[8], 7);
    }
}
