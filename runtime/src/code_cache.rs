//! The code cache: a folder of files with native code, one for each module and way to compile it.
//!
//! A file is found by checksums of the module and of what its code was made by, and used where the
//! bytecode in it is the module's to the last byte. Files are written beside their place and renamed,
//! so that whoever reads sees whole ones. Machine code is as good as a program: a folder or a file that
//! belongs to, or can be written by, anybody else is not used.

use std::fs::{self, DirBuilder, File, FileTimes, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use crate::precompiled::Fingerprint;

/// How files that are ready end.
const ENDING: &str = ".dotc";

/// How files that are being written end.
const TEMPORARY_ENDING: &str = ".tmp";

/// Files that are being written and are older than this were left by a process that was killed.
const TEMPORARY_SECONDS_MAX: u64 = 3600;

/// Permission bits for others to write.
const OTHERS_WRITE: u32 = 0o022;

/// A folder of native code.
#[derive(Clone, Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
    /// Bytes that all files may have together.
    limit_bytes: u64,
}

/// Where in a cache the code of a module is.
#[derive(Clone, Debug)]
pub(crate) struct Key(String);

impl Key {
    /// For these bytes of a module.
    pub(crate) fn new(module: &[u8], fingerprint: &Fingerprint) -> Key {
        let (crc, made_by) = (crc32fast::hash(module), fingerprint.digest());
        Key(format!("{crc:08x}-{:x}-{made_by:08x}", module.len()))
    }
}

impl CodeCache {
    /// The cache in `folder`, which need not be there yet.
    pub(crate) fn new(folder: PathBuf, limit_bytes: u64) -> CodeCache {
        CodeCache {
            folder,
            limit_bytes,
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}{ENDING}", key.0))
    }

    /// Opens the file of a module; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or is not safe to use.
    pub(crate) fn open(&self, key: &Key) -> io::Result<Option<File>> {
        match fs::symlink_metadata(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            folder => check(&folder?).map_err(|error| at(&self.folder, &error))?,
        }
        let path = self.path(key);
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = match File::options().read(true).custom_flags(no_link).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let metadata = file.metadata()?;
        check(&metadata).map_err(|error| at(&path, &error))?;
        if !metadata.is_file() {
            return Err(at(&path, &io::Error::other("is no file")));
        }
        // What is used is not what is evicted first. It is of no consequence where that fails.
        let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        Ok(Some(file))
    }

    /// Puts a file there, and removes the oldest where all are too much.
    ///
    /// # Errors
    /// Where that does not work, or the folder is not safe to use.
    pub(crate) fn write(&self, key: &Key, bytes: &[u8]) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.folder)?;
        check(&fs::symlink_metadata(&self.folder)?)?;
        if bytes.len() as u64 > self.limit_bytes {
            return Err(io::Error::other("larger than the cache may be"));
        }
        self.evict(self.limit_bytes - bytes.len() as u64, &self.path(key));
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}{TEMPORARY_ENDING}", std::process::id());
        let temporary = self.folder.join(name);
        let written = create(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, self.path(key)));
        if written.is_err() {
            // Best effort: the error to report is the one above.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes the oldest files until the rest has no more than so many bytes. `replaced` is about to be
    /// replaced, and does not count. What others remove at the same time is not there any more, which is
    /// just as well.
    fn evict(&self, limit_bytes: u64, replaced: &Path) {
        let now = SystemTime::now();
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let modified = metadata.modified().unwrap_or(now);
            let age = now.duration_since(modified).unwrap_or_default();
            if name.ends_with(ENDING) && path != replaced {
                files.push((modified, metadata.len(), path));
            } else if name.ends_with(TEMPORARY_ENDING) && age.as_secs() > TEMPORARY_SECONDS_MAX {
                let _ = fs::remove_file(path);
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|file| file.1).sum();
        for (_, len, path) in files {
            if bytes <= limit_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            bytes -= len;
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A new file that only we can read. One of that name was left by a process that had our number.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).or_else(|error| {
        if error.kind() != ErrorKind::AlreadyExists {
            return Err(error);
        }
        fs::remove_file(path)?;
        options.open(path)
    })
}

/// An error about a file.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Refuses what belongs to others, or what others may write to.
fn check(metadata: &Metadata) -> io::Result<()> {
    let refused = |why| {
        let text = format!("{why}, so it is not safe to use");
        Err(io::Error::new(ErrorKind::PermissionDenied, text))
    };
    if metadata.is_symlink() {
        return refused("is a symbolic link");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refused("belongs to somebody else");
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return refused("can be written by others");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::Duration;

    use super::*;

    fn key(name: &str) -> Key {
        Key(name.to_owned())
    }

    fn cache(limit_bytes: u64) -> (tempfile::TempDir, CodeCache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::new(folder.path().join("a/b"), limit_bytes);
        (folder, cache)
    }

    #[test]
    fn files_are_private_and_found_again() {
        let (_folder, cache) = cache(100);
        assert!(cache.open(&key("x")).unwrap().is_none());
        cache.write(&key("x"), b"code").unwrap();
        let file = cache.open(&key("x")).unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        let folder = fs::metadata(cache.folder()).unwrap();
        assert_eq!(folder.mode() & 0o777, 0o700);
        assert!(cache.open(&key("y")).unwrap().is_none());
        assert!(cache.write(&key("z"), &[0; 101]).is_err());
    }

    #[test]
    fn the_oldest_go_first() {
        let (_folder, cache) = cache(10);
        for (age, name) in [(3, "a"), (1, "b"), (2, "c")] {
            cache.write(&key(name), &[0; 3]).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            let file = File::options().write(true).open(cache.path(&key(name)));
            file.unwrap().set_modified(time).unwrap();
        }
        // In place of what is there, there is room for it.
        cache.write(&key("b"), &[0; 4]).unwrap();
        let is_there = |name: &str| cache.path(&key(name)).exists();
        assert!(is_there("a") && is_there("b") && is_there("c"));
        // Reading it makes it young.
        cache.open(&key("a")).unwrap();
        cache.write(&key("d"), &[0; 1]).unwrap();
        assert!(is_there("a") && is_there("b") && is_there("d") && !is_there("c"));
    }

    #[test]
    fn what_others_may_write_is_refused() {
        let (folder, cache) = cache(100);
        cache.write(&key("x"), b"code").unwrap();
        let file = cache.path(&key("x"));
        let refused = |cache: &CodeCache| {
            let error = cache.open(&key("x")).unwrap_err();
            error.to_string()
        };
        fs::set_permissions(&file, Permissions::from_mode(0o620)).unwrap();
        assert!(refused(&cache).contains("can be written by others"));
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(cache.folder(), Permissions::from_mode(0o777)).unwrap();
        assert!(refused(&cache).contains("can be written by others"));
        assert!(cache.write(&key("x"), b"code").is_err());
        fs::set_permissions(cache.folder(), Permissions::from_mode(0o700)).unwrap();
        let link = folder.path().join("link");
        symlink(cache.folder(), &link).unwrap();
        assert!(refused(&CodeCache::new(link, 100)).contains("symbolic link"));
        fs::rename(&file, folder.path().join("other")).unwrap();
        symlink(folder.path().join("other"), &file).unwrap();
        assert!(cache.open(&key("x")).is_err());
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let (_folder, cache) = cache(100);
        cache.write(&key("x"), b"code").unwrap();
        let [old, new] = ["1-0.tmp", "2-0.tmp"].map(|name| cache.folder().join(name));
        for path in [&old, &new] {
            fs::write(path, "half").unwrap();
        }
        let file = File::options().write(true).open(&old).unwrap();
        let hours = Duration::from_secs(2 * TEMPORARY_SECONDS_MAX);
        file.set_modified(SystemTime::now() - hours).unwrap();
        cache.write(&key("x"), b"code").unwrap();
        assert!(!old.exists() && new.exists());
    }
}
