//! Listing and changing directories, and the descriptors of those a program starts with.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;

use super::*;

const FILE: u8 = 4;
const DIR: u8 = 3;
const LINK: u8 = 7;

/// The list of a directory, sorted.
fn listing(guest: &mut Guest, fd: u32) -> Vec<(String, u8)> {
    let mut entries = guest.readdir(fd, 4096).unwrap();
    entries.sort();
    entries
}

fn named(entries: &[(&str, u8)]) -> Vec<(String, u8)> {
    entries
        .iter()
        .map(|&(name, filetype)| (name.to_owned(), filetype))
        .collect()
}

#[test]
fn directories_the_program_starts_with() {
    let world = World::new();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_dir(world.inside(""), "/data").unwrap();
    builder
        .preopened_dir_read_only(world.outside(""), ".")
        .unwrap();
    let mut guest = Guest::new(builder.build());
    for (fd, name) in [(3, "/data"), (4, ".")] {
        guest.call("fd_prestat_get", &[fd, RESULT.into()]).unwrap();
        assert_eq!(
            (guest.u32_at(RESULT), guest.u32_at(RESULT + 4)),
            (0, name.len() as u32)
        );
        let too_short = guest.call("fd_prestat_dir_name", &[fd, RECORD.into(), 0]);
        assert_eq!(too_short, refused(Errno::NameTooLong));
        guest
            .call("fd_prestat_dir_name", &[fd, RECORD.into(), 100])
            .unwrap();
        assert_eq!(
            guest.memory[RECORD as usize..][..name.len()],
            *name.as_bytes()
        );
    }
    assert_eq!(
        guest.call("fd_prestat_get", &[5, RESULT.into()]),
        refused(Errno::Badf)
    );
    assert_eq!(
        guest.call("fd_prestat_get", &[0, RESULT.into()]),
        refused(Errno::Badf)
    );
    assert_eq!(
        guest.call("fd_prestat_dir_name", &[0, RECORD.into(), 9]),
        refused(Errno::NotDir)
    );
    // What is opened later has no such name.
    let fd = guest.open(".", DIRECTORY, 0).unwrap();
    assert_eq!(
        guest.call("fd_prestat_get", &[fd.into(), RESULT.into()]),
        refused(Errno::Badf)
    );
}

#[test]
fn listing_a_directory() {
    let world = World::new();
    let mut guest = world.guest();
    assert_eq!(listing(&mut guest, ROOT), named(&[(".", DIR), ("..", DIR)]));

    fs::write(world.inside("file"), "").unwrap();
    guest.create_directory("dir").unwrap();
    guest.symlink("file", "link").unwrap();
    let expected = [
        (".", DIR),
        ("..", DIR),
        ("dir", DIR),
        ("file", FILE),
        ("link", LINK),
    ];
    assert_eq!(listing(&mut guest, ROOT), named(&expected));

    // The numbers are those `filestat` tells; `..` does not tell what is above.
    let (entries, is_last) = guest.readdir_from(ROOT, 4096, 0).unwrap();
    assert!(is_last);
    let root = guest.stat(ROOT).unwrap();
    for entry in &entries {
        let expected = match entry.name.as_str() {
            "." | ".." => root.ino,
            name => guest.stat_path(name, 0).unwrap().ino,
        };
        assert_eq!(entry.ino, expected, "{}", entry.name);
    }

    // Every cookie leads to the entries after it, in any order.
    for (index, entry) in entries.iter().enumerate().rev() {
        let (rest, _) = guest.readdir_from(ROOT, 4096, entry.next).unwrap();
        assert_eq!(rest, entries[index + 1..]);
    }
    assert_eq!(guest.readdir_from(ROOT, 4096, u64::MAX), Ok((vec![], true)));

    let file = guest.open("file", 0, READ).unwrap();
    assert_eq!(guest.readdir(file, 100), refused(Errno::NotDir));
    assert_eq!(guest.readdir(1, 100), refused(Errno::NotDir));
    assert_eq!(guest.readdir(99, 100), refused(Errno::Badf));
}

#[test]
fn listing_with_a_small_buffer() {
    let world = World::new();
    let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
    for index in 0..100 {
        let name = format!("file number {index}");
        fs::write(world.inside(&name), "").unwrap();
        expected.insert(name);
    }
    let mut guest = world.guest();
    // The smallest has room for exactly one of the longest entries.
    for room in [38, 39, 64, 100, 1000] {
        let names: Vec<String> = guest
            .readdir(ROOT, room)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names.len(), 102, "with a buffer of {room} bytes");
        assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    // What does not fit is cut off, and the buffer is full.
    let (entries, is_last) = guest.readdir_from(ROOT, 10, 0).unwrap();
    assert_eq!((entries, is_last), (vec![], false));
    assert_eq!(guest.u32_at(RESULT), 10);
    assert_eq!(guest.readdir_from(ROOT, 0, 0), Ok((vec![], false)));
}

#[test]
fn deleting_while_listing_skips_nothing() {
    let world = World::new();
    for index in 0..50 {
        fs::write(world.inside(&format!("{index}")), "").unwrap();
    }
    let mut guest = world.guest();
    let mut deleted = 0;
    let mut cookie = 0;
    loop {
        let (entries, is_last) = guest.readdir_from(ROOT, 128, cookie).unwrap();
        for entry in &entries {
            if entry.filetype == FILE {
                guest.unlink(&entry.name).unwrap();
                deleted += 1;
            }
            cookie = entry.next;
        }
        if is_last {
            break;
        }
    }
    assert_eq!(deleted, 50);
    assert_eq!(fs::read_dir(world.inside("")).unwrap().count(), 0);
    // Starting again shows the directory as it is now.
    assert_eq!(listing(&mut guest, ROOT).len(), 2);
}

#[test]
fn names_wasi_cannot_say() {
    let world = World::new();
    let name = world.inside("").join(std::ffi::OsStr::from_bytes(b"\xff"));
    if fs::write(name, "").is_err() {
        // Some file systems cannot say it either.
        return;
    }
    let mut guest = world.guest();
    for _ in 0..2 {
        assert_eq!(guest.readdir(ROOT, 4096), refused(Errno::Ilseq));
    }
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(b"\xff"), world.inside("l")).unwrap();
    assert_eq!(guest.readlink("l", 10), refused(Errno::Ilseq));
}

#[test]
fn making_and_removing_directories() {
    let world = World::new();
    let mut guest = world.guest();
    guest.create_directory("a").unwrap();
    guest.create_directory("a/b/").unwrap();
    assert_eq!(guest.create_directory("a"), refused(Errno::Exist));
    assert_eq!(guest.create_directory("x/y"), refused(Errno::NoEnt));
    assert_eq!(guest.remove_directory("a"), refused(Errno::NotEmpty));
    assert_eq!(guest.unlink("a/b"), refused(Errno::IsDir));
    guest.remove_directory("a/b").unwrap();
    guest.remove_directory("a/").unwrap();
    assert_eq!(guest.remove_directory("a"), refused(Errno::NoEnt));
    fs::write(world.inside("file"), "").unwrap();
    assert_eq!(guest.remove_directory("file"), refused(Errno::NotDir));
    assert_eq!(guest.remove_directory("."), refused(Errno::Inval));
    assert_eq!(guest.unlink("file/"), refused(Errno::NotDir));
    guest.unlink("file").unwrap();
    assert_eq!(guest.unlink("file"), refused(Errno::NoEnt));
}

#[test]
fn renaming() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    fs::write(world.inside("other"), "").unwrap();
    let mut guest = world.guest();
    guest.create_directory("dir").unwrap();
    guest.create_directory("empty").unwrap();

    guest.rename("file", "dir/moved").unwrap();
    assert_eq!(contents(world.inside("dir/moved")), "contents");
    assert_eq!(guest.rename("file", "x"), refused(Errno::NoEnt));
    guest.rename("dir/moved", "other").unwrap();
    assert_eq!(contents(world.inside("other")), "contents");
    assert_eq!(guest.rename("other", "dir"), refused(Errno::IsDir));
    assert_eq!(guest.rename("dir", "other"), refused(Errno::NotDir));
    assert_eq!(guest.rename("dir", "dir/inside"), refused(Errno::Inval));
    guest.rename("dir/", "empty/").unwrap();
    guest.rename("empty", "renamed/").unwrap();
    // A slash says that it is a directory.
    assert_eq!(guest.rename("other", "new/"), refused(Errno::NotDir));
    assert_eq!(guest.rename("other/", "new"), refused(Errno::NotDir));
    assert_eq!(listing(&mut guest, ROOT).len(), 4);
}

#[test]
fn renaming_from_one_directory_to_another() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_dir(world.inside(""), "/a").unwrap();
    builder.preopened_dir(world.outside(""), "/b").unwrap();
    let mut guest = Guest::new(builder.build());
    let (from, to) = (guest.put(b"file"), guest.put(b"moved"));
    guest.call("path_rename", &[3, from, 4, 4, to, 5]).unwrap();
    assert_eq!(contents(world.outside("moved")), "contents");
    let (from, to) = (guest.put(b"moved"), guest.put(b"linked"));
    guest.call("path_link", &[4, 0, from, 5, 3, to, 6]).unwrap();
    assert_eq!(contents(world.inside("linked")), "contents");
}

#[test]
fn hard_links() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    let mut guest = world.guest();
    guest.link(0, "file", "hard").unwrap();
    assert_eq!(
        guest.stat_path("hard", 0).unwrap(),
        guest.stat_path("file", 0).unwrap()
    );
    assert_eq!(guest.link(0, "file", "hard"), refused(Errno::Exist));
    assert_eq!(guest.link(0, "missing", "x"), refused(Errno::NoEnt));
    assert_eq!(guest.link(0, "file", "new/"), refused(Errno::NoEnt));
    guest.create_directory("dir").unwrap();
    assert_eq!(guest.link(0, "dir", "x"), refused(Errno::Perm));
    // Of a symbolic link, it is another name of the link itself.
    guest.symlink("nowhere", "link").unwrap();
    guest.link(0, "link", "link2").unwrap();
    assert_eq!(guest.readlink("link2", 100), Ok("nowhere".to_owned()));
    assert_eq!(guest.link(FOLLOW, "link", "x"), refused(Errno::Inval));
}

#[test]
fn symbolic_links() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    let mut guest = world.guest();
    guest.symlink("file", "link").unwrap();
    assert_eq!(guest.readlink("link", 100), Ok("file".to_owned()));
    assert_eq!(guest.readlink("link", 2), Ok("fi".to_owned()));
    assert_eq!(guest.readlink("file", 100), refused(Errno::Inval));
    assert_eq!(guest.readlink("missing", 100), refused(Errno::NoEnt));
    assert_eq!(guest.symlink("file", "link"), refused(Errno::Exist));
    assert_eq!(guest.symlink("", "empty"), refused(Errno::NoEnt));
    assert_eq!(guest.symlink("/", "root"), refused(Errno::Perm));

    assert_eq!(guest.open("link", 0, READ), refused(Errno::Loop));
    let fd = guest.open_at(ROOT, "link", FOLLOW, 0, READ, 0).unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"contents".to_vec()));
    guest.create_directory("dir").unwrap();
    guest.symlink("../file", "dir/up").unwrap();
    let fd = guest.open_at(ROOT, "dir/up", FOLLOW, 0, READ, 0).unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"contents".to_vec()));
    // Creating through a link that leads nowhere creates what it leads to.
    guest.symlink("dir/created", "dangling").unwrap();
    assert_eq!(
        guest.open_at(ROOT, "dangling", FOLLOW, 0, READ, 0),
        refused(Errno::NoEnt)
    );
    guest
        .open_at(ROOT, "dangling", FOLLOW, CREAT, WRITE, 0)
        .unwrap();
    assert!(world.inside("dir/created").exists());
    guest.symlink("loop", "loop").unwrap();
    assert_eq!(
        guest.open_at(ROOT, "loop", FOLLOW, 0, READ, 0),
        refused(Errno::Loop)
    );
    // Removing removes the link.
    guest.unlink("link").unwrap();
    assert!(world.inside("file").exists());
}

#[test]
fn a_directory_is_no_file() {
    let world = World::new();
    fs::write(world.inside("file"), "").unwrap();
    let mut guest = world.guest();
    assert_eq!(guest.read(ROOT, 10), refused(Errno::IsDir));
    assert_eq!(guest.write(ROOT, b"x"), refused(Errno::Badf));
    assert_eq!(guest.seek(ROOT, 0, 1), refused(Errno::Badf));
    assert_eq!(
        guest.call("fd_tell", &[ROOT.into(), RESULT.into()]),
        refused(Errno::Badf)
    );
    assert_eq!(
        guest.call("fd_fdstat_set_flags", &[ROOT.into(), 0]),
        refused(Errno::Badf)
    );
    let file = guest.open("file", 0, READ).unwrap();
    for fd in [file, 0, 1] {
        assert_eq!(
            guest.open_at(fd, "x", 0, 0, READ, 0),
            refused(Errno::NotDir)
        );
        assert_eq!(
            guest.path_call("path_unlink_file", fd, "x"),
            refused(Errno::NotDir)
        );
    }
    assert_eq!(guest.open_at(99, "x", 0, 0, READ, 0), refused(Errno::Badf));
}

#[test]
fn renumbering() {
    let world = World::new();
    fs::write(world.inside("one"), "1").unwrap();
    fs::write(world.inside("two"), "2").unwrap();
    let mut guest = world.guest();
    let one = guest.open("one", 0, READ).unwrap();
    let two = guest.open("two", 0, READ).unwrap();
    let renumber = |guest: &mut Guest, from: u32, to: u32| {
        guest.call("fd_renumber", &[from.into(), to.into()])
    };
    assert_eq!(renumber(&mut guest, one, 99), refused(Errno::Badf));
    assert_eq!(renumber(&mut guest, 99, one), refused(Errno::Badf));
    renumber(&mut guest, one, one).unwrap();
    renumber(&mut guest, one, two).unwrap();
    assert_eq!(guest.read(two, 10), Ok(b"1".to_vec()));
    assert_eq!(guest.close(one), refused(Errno::Badf));
    // Also over a directory the program started with; numbers that are free are used again.
    renumber(&mut guest, two, ROOT).unwrap();
    assert_eq!(guest.read(ROOT, 10), Ok(vec![]));
    assert_eq!(guest.open("one", 0, READ), refused(Errno::NotDir));
    assert_eq!(guest.ctx.open_descriptors(), 4);
}

#[test]
fn there_is_a_limit_to_open_files() {
    let world = World::new();
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(world.inside(""), "/")
        .unwrap()
        .open_files_max(6);
    let mut guest = Guest::new(builder.build());
    assert_eq!(guest.open("a", CREAT, READ), Ok(4));
    assert_eq!(guest.open("b", CREAT, READ), Ok(5));
    assert_eq!(guest.open("c", CREAT, READ), refused(Errno::Mfile));
    assert!(!world.inside("c").exists());
    guest.close(4).unwrap();
    guest.close(1).unwrap();
    // The lowest number that is free, as everywhere.
    assert_eq!(guest.open("c", CREAT, READ), Ok(1));
    assert_eq!(guest.open("d", CREAT, READ), Ok(4));
    assert_eq!(guest.open("e", CREAT, READ), refused(Errno::Mfile));
}
