//! Tries to get out of the folder it was given, in every way it knows. Prints a line for each:
//! `blocked` with the error, or `ESCAPED`.
//!
//! The folder is `/`; above it, on the host, lie `secret.txt`, `secret_dir` and the link `outlink`,
//! and links in the folder lead there. The first argument is the host's path of `secret.txt`.
//!
//! dir: box::/

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};

/// The functions of WASI themselves: the standard library would refuse some of this by itself.
mod wasi {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    extern "C" {
        pub fn path_open(
            fd: u32,
            dirflags: u32,
            path: *const u8,
            path_len: usize,
            oflags: u32,
            rights: u64,
            inheriting: u64,
            fdflags: u32,
            opened: *mut u32,
        ) -> u32;
        pub fn path_symlink(
            target: *const u8,
            target_len: usize,
            fd: u32,
            path: *const u8,
            path_len: usize,
        ) -> u32;
        pub fn path_link(
            fd: u32,
            flags: u32,
            path: *const u8,
            path_len: usize,
            new_fd: u32,
            new_path: *const u8,
            new_path_len: usize,
        ) -> u32;
        pub fn path_rename(
            fd: u32,
            path: *const u8,
            path_len: usize,
            new_fd: u32,
            new_path: *const u8,
            new_path_len: usize,
        ) -> u32;
        pub fn path_filestat_get(
            fd: u32,
            flags: u32,
            path: *const u8,
            path_len: usize,
            stat: *mut [u64; 8],
        ) -> u32;
        pub fn path_filestat_set_times(
            fd: u32,
            flags: u32,
            path: *const u8,
            path_len: usize,
            accessed: u64,
            modified: u64,
            which: u32,
        ) -> u32;
        pub fn path_readlink(
            fd: u32,
            path: *const u8,
            path_len: usize,
            buffer: *mut u8,
            buffer_len: usize,
            used: *mut usize,
        ) -> u32;
        pub fn path_create_directory(fd: u32, path: *const u8, path_len: usize) -> u32;
        pub fn path_remove_directory(fd: u32, path: *const u8, path_len: usize) -> u32;
        pub fn path_unlink_file(fd: u32, path: *const u8, path_len: usize) -> u32;
    }
}

/// The preopened folder.
const ROOT: u32 = 3;
const FOLLOW: u32 = 1;
const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
/// Rights that every folder has: to open and read what is in it.
const DIRECTORY_RIGHTS: u64 = 1 << 13 | 1 << 14;
const FILE_RIGHTS: u64 = 1 << 1;
const SET_BOTH_TIMES: u32 = 1 | 4;

fn main() {
    let secret = std::env::args().nth(1).expect("the path of the secret");
    controls().expect("calls that stay inside");
    read_by_path(&secret);
    write_by_path();
    move_and_link();
    raw_open();
    raw_change();
    from_below();
}

/// Reports what came of an attempt.
fn attempt<T>(name: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("ESCAPED {name}"),
        Err(error) => println!("blocked {name}: {:?}", error.kind()),
    }
}

fn read_by_path(secret: &str) {
    let long = "inner/../".repeat(100) + "../secret.txt";
    let paths = [
        "../secret.txt",
        "/../secret.txt",
        "./../secret.txt",
        "inner/../../secret.txt",
        "/inner/../../secret.txt",
        "inner/../../box/../secret.txt",
        "//..//secret.txt",
        "inner//..//..//secret.txt",
        "..\\secret.txt",
        "/etc/passwd",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/secret.txt",
        "link_out",
        "link_out/",
        "link_abs",
        "link_proc/secret.txt",
        "dirlink/secret.txt",
        "dirlink/../secret.txt",
        "dirlink_abs/secret.txt",
        "inner/uplink/../secret.txt",
        "chain",
        "loop",
        &long,
        secret,
    ];
    for path in paths {
        // The secret's own path differs from run to run.
        let name = if path == secret { "SECRET" } else { path };
        let name = if path == long { "many folders and back" } else { name };
        attempt(&format!("read {name}"), fs::read(path));
    }
    attempt("list ..", fs::read_dir(".."));
    attempt("list dirlink", fs::read_dir("dirlink"));
    attempt("list dirlink/secret_dir", fs::read_dir("dirlink/secret_dir"));
    attempt("metadata ../secret.txt", fs::metadata("../secret.txt"));
    attempt("metadata link_out", fs::metadata("link_out"));
    attempt("link metadata ../outlink", fs::symlink_metadata("../outlink"));
    attempt("link metadata dirlink/outlink", fs::symlink_metadata("dirlink/outlink"));
    attempt("read link ../outlink", fs::read_link("../outlink"));
    attempt("read link dirlink/outlink", fs::read_link("dirlink/outlink"));
}

fn write_by_path() {
    for path in ["../secret.txt", "link_out", "link_abs", "dirlink/secret.txt", "chain"] {
        let opened = OpenOptions::new().write(true).open(path);
        attempt(&format!("write {path}"), opened.and_then(|mut file| file.write_all(b"x")));
        let opened = OpenOptions::new().append(true).open(path);
        attempt(&format!("append {path}"), opened.and_then(|mut file| file.write_all(b"x")));
        attempt(&format!("truncate {path}"), File::create(path));
    }
    attempt("create ../new.txt", File::create("../new.txt"));
    attempt("create dirlink/new.txt", File::create("dirlink/new.txt"));
    attempt("create through a dangling link", File::create("dangling"));
    attempt("make ../new", fs::create_dir("../new"));
    attempt("make dirlink/new", fs::create_dir("dirlink/new"));
    attempt("make dirlink_abs/new", fs::create_dir("dirlink_abs/new"));
    attempt("remove ../secret.txt", fs::remove_file("../secret.txt"));
    attempt("remove dirlink/secret.txt", fs::remove_file("dirlink/secret.txt"));
    attempt("remove ../secret_dir", fs::remove_dir("../secret_dir"));
    attempt("remove dirlink/empty_dir", fs::remove_dir("dirlink/empty_dir"));
    attempt("remove all of ../secret_dir", fs::remove_dir_all("../secret_dir"));
    attempt("remove all of dirlink/secret_dir", fs::remove_dir_all("dirlink/secret_dir"));
}

fn move_and_link() {
    attempt("move out", fs::rename("inner/file.txt", "../stolen.txt"));
    attempt("move out through a link", fs::rename("inner/file.txt", "dirlink/stolen.txt"));
    attempt("move onto the secret", fs::rename("inner/file.txt", "dirlink/secret.txt"));
    attempt("move in", fs::rename("../secret.txt", "mine.txt"));
    attempt("move in through a link", fs::rename("dirlink/secret.txt", "mine.txt"));
    attempt("move a folder in", fs::rename("../secret_dir", "mine"));
    attempt("move a folder out", fs::rename("inner", "../mine"));
    attempt("link the secret", fs::hard_link("../secret.txt", "mine.txt"));
    attempt("link the secret through a link", fs::hard_link("dirlink/secret.txt", "mine.txt"));
    attempt("link to outside", fs::hard_link("inner/file.txt", "../mine.txt"));
    attempt("link to outside through a link", fs::hard_link("inner/file.txt", "dirlink/mine.txt"));
    attempt("copy the secret", fs::copy("link_out", "mine.txt"));
    attempt("copy onto the secret", fs::copy("inner/file.txt", "link_out"));
}

/// An error number as an error.
fn check(errno: u32) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno as i32)) }
}

fn open(fd: u32, path: &str, flags: u32, oflags: u32, rights: u64) -> io::Result<u32> {
    let mut opened = 0;
    let (start, len) = (path.as_ptr(), path.len());
    check(unsafe {
        wasi::path_open(fd, flags, start, len, oflags, rights, rights, 0, &mut opened)
    })?;
    Ok(opened)
}

fn symlink(target: &str, path: &str) -> io::Result<()> {
    check(unsafe {
        wasi::path_symlink(target.as_ptr(), target.len(), ROOT, path.as_ptr(), path.len())
    })
}

fn link(flags: u32, path: &str, new: &str) -> io::Result<()> {
    let (start, len) = (path.as_ptr(), path.len());
    check(unsafe { wasi::path_link(ROOT, flags, start, len, ROOT, new.as_ptr(), new.len()) })
}

fn rename(path: &str, new: &str) -> io::Result<()> {
    let (start, len) = (path.as_ptr(), path.len());
    check(unsafe { wasi::path_rename(ROOT, start, len, ROOT, new.as_ptr(), new.len()) })
}

fn status(flags: u32, path: &str) -> io::Result<()> {
    let mut stat = [0; 8];
    check(unsafe { wasi::path_filestat_get(ROOT, flags, path.as_ptr(), path.len(), &mut stat) })
}

fn set_times(flags: u32, path: &str) -> io::Result<()> {
    let (start, len) = (path.as_ptr(), path.len());
    check(unsafe { wasi::path_filestat_set_times(ROOT, flags, start, len, 0, 0, SET_BOTH_TIMES) })
}

fn read_link(path: &str) -> io::Result<()> {
    let mut buffer = [0; 64];
    let mut used = 0;
    let (start, len) = (path.as_ptr(), path.len());
    check(unsafe {
        wasi::path_readlink(ROOT, start, len, buffer.as_mut_ptr(), buffer.len(), &mut used)
    })
}

fn create_directory(path: &str) -> io::Result<()> {
    check(unsafe { wasi::path_create_directory(ROOT, path.as_ptr(), path.len()) })
}

fn remove_directory(path: &str) -> io::Result<()> {
    check(unsafe { wasi::path_remove_directory(ROOT, path.as_ptr(), path.len()) })
}

fn unlink(path: &str) -> io::Result<()> {
    check(unsafe { wasi::path_unlink_file(ROOT, path.as_ptr(), path.len()) })
}

/// The same calls inside, which work: what is blocked is blocked for where it leads.
fn controls() -> io::Result<()> {
    create_directory("controls")?;
    let folder = open(ROOT, "controls/../controls", 0, DIRECTORY, DIRECTORY_RIGHTS)?;
    open(folder, "new", 0, CREATE, FILE_RIGHTS)?;
    link(0, "controls/new", "controls/linked")?;
    rename("controls/linked", "controls/renamed")?;
    symlink("renamed", "controls/symbolic")?;
    read_link("controls/symbolic")?;
    open(ROOT, "controls/symbolic", FOLLOW, 0, FILE_RIGHTS)?;
    open(folder, "../controls/new", 0, 0, FILE_RIGHTS).expect_err("out and in again");
    status(FOLLOW, "controls/symbolic")?;
    set_times(FOLLOW, "controls/symbolic")?;
    for name in ["controls/new", "controls/renamed", "controls/symbolic"] {
        unlink(name)?;
    }
    remove_directory("controls")
}

fn raw_open() {
    let folders = [
        "..", "../", "../box", "inner/../..", "dirlink", "dirlink/", "dirlink/box", "/", "/..",
    ];
    for path in folders {
        let result = open(ROOT, path, FOLLOW, DIRECTORY, DIRECTORY_RIGHTS);
        attempt(&format!("open folder {:?}", path), result);
    }
    let files =
        ["../secret.txt", "link_out", "/etc/passwd", "", "inner/file.txt\0/../../secret.txt"];
    for path in files {
        let result = open(ROOT, path, FOLLOW, 0, FILE_RIGHTS);
        attempt(&format!("open file {:?}", path), result);
    }
    attempt("create through a link", open(ROOT, "dangling", FOLLOW, CREATE, FILE_RIGHTS));
    for fd in [0, 1, 2, 4, 99, u32::MAX] {
        attempt(&format!("open in descriptor {}", fd), open(fd, "secret.txt", 0, 0, FILE_RIGHTS));
    }
    let file = open(ROOT, "inner/file.txt", 0, 0, FILE_RIGHTS).expect("a file inside");
    attempt("open in a file", open(file, "../../secret.txt", 0, 0, FILE_RIGHTS));
}

fn raw_change() {
    attempt("make an absolute link", symlink("/etc/passwd", "made_abs"));
    attempt("make a link outside", symlink("box", "../made"));
    attempt("make a link outside through a link", symlink("box", "dirlink/made"));
    // A relative link may lead anywhere; following it must not.
    let made = symlink("../secret.txt", "made_out");
    attempt("follow a link of one's own", made.and_then(|()| fs::read("made_out").map(drop)));
    let _ = fs::remove_file("made_out");

    attempt("link what a link leads to", link(FOLLOW, "link_out", "mine.txt"));
    attempt("link the secret itself", link(0, "../secret.txt", "mine.txt"));
    attempt("rename the secret", rename("../secret.txt", "mine.txt"));
    attempt("rename onto the secret", rename("inner/file.txt", "../secret.txt"));
    attempt("status of the secret", status(0, "../secret.txt"));
    attempt("status through a link", status(FOLLOW, "link_out"));
    attempt("times of the secret", set_times(0, "../secret.txt"));
    attempt("times through a link", set_times(FOLLOW, "link_out"));
    attempt("read a link outside", read_link("../outlink"));
    attempt("make a folder outside", create_directory("../made"));
    attempt("remove the folder above", remove_directory(".."));
    attempt("remove a folder outside", remove_directory("../empty_dir"));
    attempt("unlink the secret", unlink("../secret.txt"));
    attempt("unlink the secret through a link", unlink("dirlink/secret.txt"));
}

/// A folder further down is a sandbox of its own, wherever it is moved.
fn from_below() {
    fs::create_dir_all("inner/deep/deeper").expect("folders inside");
    let deeper = open(ROOT, "inner/deep/deeper", 0, DIRECTORY, DIRECTORY_RIGHTS).expect("a folder");
    for path in ["..", "../../..", "../../../..", "../../../../secret.txt", "../../file.txt"] {
        attempt(&format!("from below {}", path), open(deeper, path, FOLLOW, 0, FILE_RIGHTS));
    }
    fs::rename("inner/deep/deeper", "deeper").expect("a move inside");
    for path in ["../..", "../../..", "../../secret.txt", "../../../secret.txt"] {
        attempt(&format!("from above {}", path), open(deeper, path, FOLLOW, 0, FILE_RIGHTS));
    }
    fs::remove_dir("deeper").expect("a folder to remove");
    fs::remove_dir("inner/deep").expect("a folder to remove");
}
