//! Files with native code: the `.dotc` format, and whether the code in one can be used here.
//!
//! A file is a header, a module's bytecode, and an [`Image`] of native code that starts on a page.
//! Numbers are little-endian. The header:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `DOTC` |
//! | 4 | CRC-32 of the rest of the header and the first 16 bytes of the bytecode, its header |
//! | 8 | bytes of the file |
//! | 8, 8 | where the bytecode starts, and its bytes |
//! | 8, 8 | where the image starts, and its bytes |
//! | 4 | CRC-32 of the image |
//! | 4 | settings: 1 with metering, 2 with inlining, 4 with counters |
//! | 4, … | the build that made it, as text behind its length |
//! | 4, … | the processor and what it must be able to do, likewise |
//!
//! The fields before the texts stay where they are in versions to come, so that each finds the bytecode
//! in the files of others. Checksums find damage. They are no protection against whoever makes such a
//! file on purpose.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use dotvm_isa::encode::HEADER_BYTES as MODULE_HEADER_BYTES;
use dotvm_isa::{Bytes, Malformed, Place};
use dotvm_jit::{FileMemory, IMAGE_ALIGNMENT, Image};

/// The first four bytes.
const MAGIC: [u8; 4] = *b"DOTC";

/// Bytes before the texts.
const FIXED_BYTES: usize = 56;

/// Where the bytecode starts is a multiple of this.
const MODULE_ALIGNMENT: usize = 16;

/// What native code does besides computing, and how it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// It charges fuel.
    pub(crate) metering: bool,
    /// It counts what it executes.
    pub(crate) counting: bool,
    /// Debuggers can have its frames.
    pub(crate) debugging: bool,
    /// Small functions are inlined.
    pub(crate) inlining: bool,
}

impl Settings {
    fn bits(self) -> u32 {
        let flags = [self.metering, self.inlining, self.counting, self.debugging];
        (0..).zip(flags).map(|(bit, on)| u32::from(on) << bit).sum()
    }
}

/// What native code was made by and for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fingerprint {
    settings: u32,
    build: String,
    target: String,
}

/// The build that this is.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("DOTVM_SOURCES"));

impl Fingerprint {
    /// Of code that is made here for such processors.
    pub(crate) fn new(settings: Settings, target: String) -> Fingerprint {
        Fingerprint {
            settings: settings.bits(),
            build: BUILD.to_owned(),
            target,
        }
    }

    /// A number that differs where fingerprints do, nearly always.
    pub(crate) fn digest(&self) -> u32 {
        let Fingerprint {
            settings,
            build,
            target,
        } = self;
        crc32fast::hash(format!("{settings} {build} {target}").as_bytes())
    }

    /// Why code with the fingerprint `code` is not used where code would get this one.
    fn differs(&self, code: &Fingerprint) -> Option<Unused> {
        let here: Vec<&str> = self.target.split_whitespace().collect();
        let is_here = |word: &str| here.contains(&word);
        if self.build != code.build {
            Some(Unused::Version)
        } else if !code.target.split_whitespace().all(is_here) {
            Some(Unused::Processor)
        } else if self.settings != code.settings {
            Some(Unused::Settings)
        } else {
            None
        }
    }
}

/// Whether a module came with native code.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Precompiled {
    /// It did not.
    Absent,
    /// It did, and that is what runs.
    Used {
        /// Functions that have native code.
        funcs: u64,
        /// Bytes of native code.
        code_bytes: u64,
    },
    /// There is native code that is not used.
    Unused(Unused),
}

/// Why native code from a file is not used.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unused {
    /// Nobody said that the file can be trusted (see
    /// [`Module::from_trusted_file`](crate::Module::from_trusted_file)).
    NotTrusted,
    /// The engine uses no native code.
    Off,
    /// Another build of DotVM made it.
    Version,
    /// It needs what this processor does not have.
    Processor,
    /// It was made with other settings: metering, inlining or profiling.
    Settings,
    /// Its checksum is wrong.
    Damaged,
    /// It belongs to other bytecode.
    OtherModule,
    /// The operating system does not allow it, or the file is not safe to use; with the reason.
    Refused(String),
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unused::NotTrusted => "the file is not said to be trusted",
            Unused::Off => "native code is off",
            Unused::Version => "it was made by another build of DotVM",
            Unused::Processor => "it was made for another processor",
            Unused::Settings => "it was made with other settings (metering, inlining or profiling)",
            Unused::Damaged => "it is damaged",
            Unused::OtherModule => "it belongs to other bytecode",
            Unused::Refused(reason) => reason,
        })
    }
}

/// What is in a file.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Where the bytecode is.
    pub(crate) module: Range<usize>,
    image: Range<usize>,
    image_crc: u32,
    fingerprint: Fingerprint,
}

/// Whether bytes are those of such a file, by their start.
pub(crate) fn is_precompiled(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The bytecode in the bytes of a `.dotc` file (see [`Module::precompile`](crate::Module::precompile)).
/// `None` where they are something else.
///
/// # Errors
/// Where the file is damaged.
pub fn bytecode(file: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    if !is_precompiled(file) {
        return Ok(None);
    }
    let contents = parse(file)?;
    Ok(Some(&file[contents.module]))
}

/// Makes a file.
pub(crate) fn write(module: &[u8], image: &[u8], fingerprint: &Fingerprint) -> Vec<u8> {
    let texts = [&fingerprint.build, &fingerprint.target];
    let text_bytes: usize = texts.iter().map(|text| 4 + text.len()).sum();
    let module_at = (FIXED_BYTES + text_bytes).next_multiple_of(MODULE_ALIGNMENT);
    let image_at = (module_at + module.len()).next_multiple_of(IMAGE_ALIGNMENT);
    let mut file = Vec::with_capacity(image_at + image.len());
    file.extend(MAGIC);
    file.extend([0; 4]);
    let lens = [module_at, module.len(), image_at, image.len()];
    for number in [image_at + image.len()].into_iter().chain(lens) {
        file.extend((number as u64).to_le_bytes());
    }
    file.extend(crc32fast::hash(image).to_le_bytes());
    file.extend(fingerprint.settings.to_le_bytes());
    for text in texts {
        file.extend((text.len() as u32).to_le_bytes());
        file.extend(text.as_bytes());
    }
    file.resize(module_at, 0);
    file.extend(module);
    file.resize(image_at, 0);
    file.extend(image);
    let crc = header_crc(&file, module_at);
    file[4..8].copy_from_slice(&crc.to_le_bytes());
    file
}

fn header_crc(file: &[u8], module_at: usize) -> u32 {
    let end = (module_at + MODULE_HEADER_BYTES).min(file.len());
    crc32fast::hash(&file[8..end])
}

/// Reads the header.
///
/// # Errors
/// Where the file is damaged in a way that leaves doubt about its bytecode.
pub(crate) fn parse(file: &[u8]) -> Result<Contents, Malformed> {
    let damaged =
        |reason: &str| Malformed::new(Place::Header, 0, format!("a compiled file {reason}"));
    let cut = || damaged("that ends in its header");
    let fixed = file.get(..FIXED_BYTES).ok_or_else(cut)?;
    let number = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("8 bytes"));
    let small = |at: usize| u32::from_le_bytes(fixed[at..at + 4].try_into().expect("4 bytes"));
    let part = |at: usize| {
        let start = usize::try_from(number(at)).ok()?;
        let end = start.checked_add(usize::try_from(number(at + 8)).ok()?)?;
        (start >= FIXED_BYTES && end <= file.len()).then_some(start..end)
    };
    if number(8) != file.len() as u64 {
        return Err(damaged(&format!(
            "of {} bytes, of which there are {}",
            number(8),
            file.len()
        )));
    }
    let wrong = || damaged("whose header has a wrong checksum");
    let module = part(16).ok_or_else(wrong)?;
    let image = part(32).ok_or_else(wrong)?;
    if header_crc(file, module.start) != small(4) {
        return Err(wrong());
    }
    let mut texts = &file[FIXED_BYTES..module.start];
    let mut text = || {
        let (len, rest) = texts.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        texts = rest;
        String::from_utf8(text.to_vec()).ok()
    };
    let fingerprint = Fingerprint {
        settings: small(52),
        build: text().ok_or_else(wrong)?,
        target: text().ok_or_else(wrong)?,
    };
    Ok(Contents {
        module,
        image,
        image_crc: small(48),
        fingerprint,
    })
}

impl Contents {
    /// The bytecode.
    pub(crate) fn module(&self, memory: &Arc<FileMemory>) -> Bytes {
        Bytes::new(Part {
            memory: Arc::clone(memory),
            part: self.module.clone(),
        })
    }

    /// Makes the native code executable, where it is for engines that would make such code.
    ///
    /// # Errors
    /// Why it is not used.
    pub(crate) fn image(
        &self,
        memory: &Arc<FileMemory>,
        here: &Fingerprint,
    ) -> Result<Image, Unused> {
        if let Some(reason) = here.differs(&self.fingerprint) {
            return Err(reason);
        }
        let bytes = (**memory).as_ref();
        if crc32fast::hash(&bytes[self.image.clone()]) != self.image_crc {
            return Err(Unused::Damaged);
        }
        let refused = |error: std::io::Error| Unused::Refused(error.to_string());
        Image::load(memory, self.image.clone()).map_err(refused)
    }
}

/// Part of a file in memory.
struct Part {
    memory: Arc<FileMemory>,
    part: Range<usize>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &(*self.memory).as_ref()[self.part.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let fingerprint = Fingerprint::new(settings(true, false), "x86_64 has_avx".into());
        write(b"0123456789abcdef, and so on", b"image", &fingerprint)
    }

    fn settings(metering: bool, inlining: bool) -> Settings {
        Settings {
            metering,
            counting: false,
            debugging: false,
            inlining,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let file = file();
        let contents = parse(&file).unwrap();
        assert_eq!(
            &file[contents.module.clone()],
            b"0123456789abcdef, and so on"
        );
        assert_eq!(&file[contents.image.clone()], b"image");
        assert_eq!(contents.image.start, IMAGE_ALIGNMENT);
        assert_eq!(bytecode(&file).unwrap().unwrap().len(), 27);
        assert_eq!(bytecode(b"DOTV"), Ok(None));
    }

    #[test]
    fn damage_in_front_of_the_bytecode_is_found() {
        let file = file();
        let module = parse(&file).unwrap().module;
        for len in 0..file.len() {
            assert!(parse(&file[..len]).is_err(), "{len} bytes");
        }
        for bit in 32..8 * (module.start + MODULE_HEADER_BYTES) {
            let mut file = file.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&file).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_differs_is_named() {
        let here = Fingerprint::new(settings(false, true), "x86_64 has_avx has_avx2".into());
        let with = |change: &dyn Fn(&mut Fingerprint)| {
            let mut code = here.clone();
            change(&mut code);
            here.differs(&code)
        };
        assert_eq!(with(&|_| {}), None);
        assert_eq!(with(&|code| code.target = "x86_64 has_avx".into()), None);
        let other = |code: &mut Fingerprint| code.target += " has_avx512f";
        assert_eq!(with(&other), Some(Unused::Processor));
        let arm = |code: &mut Fingerprint| code.target = "aarch64 has_avx".into();
        assert_eq!(with(&arm), Some(Unused::Processor));
        assert_eq!(with(&|code| code.settings ^= 1), Some(Unused::Settings));
        assert_eq!(with(&|code| code.build.push('1')), Some(Unused::Version));
    }
}
