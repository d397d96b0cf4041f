//! Opening files, and everything that is done with them.

use super::*;

/// Reads a whole file through several small buffers at once.
fn read_scattered(guest: &mut Guest, fd: u32, sizes: &[usize]) -> Answer<Vec<String>> {
    let buffers: Vec<(u64, u64)> = sizes
        .iter()
        .map(|&size| (guest.put(&vec![b'.'; size]), size as u64))
        .collect();
    let iovecs = guest.iovecs(&buffers);
    guest.call(
        "fd_read",
        &[fd.into(), iovecs, sizes.len() as u64, RESULT.into()],
    )?;
    let text = |&(address, length): &(u64, u64)| {
        let bytes = &guest.memory[usize::try_from(address).unwrap()..];
        String::from_utf8(bytes[..usize::try_from(length).unwrap()].to_vec()).unwrap()
    };
    Ok(buffers.iter().map(text).collect())
}

#[test]
fn write_read_and_seek() {
    let world = World::new();
    let mut guest = world.guest();
    let fd = guest.open("file", CREAT | EXCL, READ | WRITE).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(guest.write(fd, b"hello, world"), Ok(12));
    assert_eq!(contents(world.inside("file")), "hello, world");

    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.read(fd, 5), Ok(b"hello".to_vec()));
    assert_eq!(guest.seek(fd, 2, 1), Ok(7));
    assert_eq!(guest.read(fd, 100), Ok(b"world".to_vec()));
    assert_eq!(guest.read(fd, 100), Ok(vec![]));
    assert_eq!(guest.seek(fd, -2, 2), Ok(10));
    assert_eq!(guest.call("fd_tell", &[fd.into(), RESULT.into()]), Ok(()));
    assert_eq!(guest.u64_at(RESULT), 10);
    assert_eq!(guest.seek(fd, -11, 1), refused(Errno::Inval));
    assert_eq!(guest.seek(fd, -1, 0), refused(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), refused(Errno::Inval));
    assert_eq!(guest.seek(fd, 1000, 0), Ok(1000));

    guest.close(fd).unwrap();
    assert_eq!(guest.close(fd), refused(Errno::Badf));
    assert_eq!(guest.read(fd, 1), refused(Errno::Badf));
}

#[test]
fn several_buffers_are_one_read_or_write() {
    let world = World::new();
    let mut guest = world.guest();
    let fd = guest.open("file", CREAT, READ | WRITE).unwrap();
    let buffers = [&b"one "[..], b"", b"two ", b"three"];
    let buffers = buffers.map(|bytes| (guest.put(bytes), bytes.len() as u64));
    let iovecs = guest.iovecs(&buffers);
    guest
        .call("fd_write", &[fd.into(), iovecs, 4, RESULT.into()])
        .unwrap();
    assert_eq!(guest.u32_at(RESULT), 13);

    guest.seek(fd, 0, 0).unwrap();
    let read = read_scattered(&mut guest, fd, &[3, 0, 6, 10]);
    assert_eq!(read.unwrap(), ["one", "", " two t", "hree......"]);
    assert_eq!(guest.u32_at(RESULT), 13);

    // No buffers, and none with room, are a read of nothing.
    guest
        .call("fd_read", &[fd.into(), 0, 0, RESULT.into()])
        .unwrap();
    assert_eq!(guest.u32_at(RESULT), 0);
}

#[test]
fn reading_and_writing_at_an_offset_leaves_the_position() {
    let world = World::new();
    fs::write(world.inside("file"), "0123456789").unwrap();
    let mut guest = world.guest();
    let fd = guest.open("file", 0, READ | WRITE).unwrap();
    guest.seek(fd, 1, 0).unwrap();

    let address = guest.put(b"....");
    let iovecs = guest.iovecs(&[(address, 4)]);
    guest
        .call("fd_pread", &[fd.into(), iovecs, 1, 7, RESULT.into()])
        .unwrap();
    assert_eq!(guest.u32_at(RESULT), 3);
    assert_eq!(guest.memory[SCRATCH as usize..][..4], *b"789.");

    let address = guest.put(b"xyz");
    let iovecs = guest.iovecs(&[(address, 3)]);
    guest
        .call("fd_pwrite", &[fd.into(), iovecs, 1, 4, RESULT.into()])
        .unwrap();
    assert_eq!(contents(world.inside("file")), "0123xyz789");
    assert_eq!(guest.read(fd, 2), Ok(b"12".to_vec()));

    let iovecs = guest.iovecs(&[(SCRATCH.into(), 1)]);
    let negative = guest.call("fd_pread", &[fd.into(), iovecs, 1, u64::MAX, RESULT.into()]);
    assert_eq!(negative, refused(Errno::Inval));
    let negative = guest.call("fd_pwrite", &[fd.into(), iovecs, 1, 1 << 63, RESULT.into()]);
    assert_eq!(negative, refused(Errno::Inval));
}

#[test]
fn flags_of_opening() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    fs::create_dir(world.inside("dir")).unwrap();
    let mut guest = world.guest();

    assert_eq!(guest.open("missing", 0, READ), refused(Errno::NoEnt));
    assert_eq!(guest.open("", CREAT, READ), refused(Errno::NoEnt));
    assert_eq!(
        guest.open("file", CREAT | EXCL, READ),
        refused(Errno::Exist)
    );
    assert_eq!(guest.open("file", DIRECTORY, READ), refused(Errno::NotDir));
    assert_eq!(guest.open("file/", 0, READ), refused(Errno::NotDir));
    assert_eq!(guest.open("file/x", 0, READ), refused(Errno::NotDir));
    assert_eq!(
        guest.open("dir", DIRECTORY | CREAT, READ),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.open("dir", DIRECTORY, READ | WRITE),
        refused(Errno::IsDir)
    );
    assert_eq!(guest.open("dir", 0, WRITE), refused(Errno::IsDir));
    assert_eq!(
        guest.open("dir", CREAT, READ | WRITE),
        refused(Errno::IsDir)
    );
    assert_eq!(guest.open("file", 16, READ), refused(Errno::Inval));
    assert_eq!(
        guest.open_at(ROOT, "file", 2, 0, READ, 0),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.open_at(ROOT, "file", 0, 0, READ, 32),
        refused(Errno::Inval)
    );
    assert!(guest.open("dir", DIRECTORY, 0).is_ok());
    assert!(guest.open("dir//.//", 0, READ).is_ok());

    // Truncating does not need the right to write, as the specification has it.
    let fd = guest.open("file", TRUNC, READ).unwrap();
    assert_eq!(guest.read(fd, 10), Ok(vec![]));
    assert_eq!(contents(world.inside("file")), "");
    // Creating what exists does not change it.
    fs::write(world.inside("file"), "new contents").unwrap();
    let fd = guest.open("file", CREAT, READ).unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"new contents".to_vec()));
}

#[test]
fn names_that_are_no_names() {
    let world = World::new();
    let mut guest = world.guest();
    assert_eq!(guest.open("a\0b", CREAT, READ), refused(Errno::Inval));
    assert_eq!(guest.open(b"\xff\xfe", CREAT, READ), refused(Errno::Ilseq));
    assert_eq!(
        guest.open("x".repeat(256), CREAT, READ),
        refused(Errno::NameTooLong)
    );
    assert_eq!(
        guest.open("x/".repeat(4096), CREAT, READ),
        refused(Errno::NameTooLong)
    );
    assert!(guest.open("x".repeat(255), CREAT, READ).is_ok());
    assert!(guest.open("größer ☃", CREAT, READ).is_ok());
}

#[test]
fn a_file_is_used_as_it_was_opened() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    let mut guest = world.guest();
    let reader = guest.open("file", 0, READ).unwrap();
    let writer = guest.open("file", 0, WRITE).unwrap();
    let neither = guest.open("file", 0, 0).unwrap();
    assert_eq!(guest.write(reader, b"x"), refused(Errno::Badf));
    assert_eq!(guest.read(writer, 1), refused(Errno::Badf));
    assert_eq!(guest.read(neither, 1), refused(Errno::Badf));
    assert_eq!(guest.write(neither, b"x"), refused(Errno::Badf));
    assert_eq!(guest.write(writer, b"C"), Ok(1));
    assert_eq!(guest.read(reader, 100), Ok(b"Contents".to_vec()));
    // Also where the host's file was opened for writing because it had to be created.
    let created = guest.open("new", CREAT, READ).unwrap();
    assert_eq!(guest.write(created, b"x"), refused(Errno::Badf));
    let set_size = guest.call("fd_filestat_set_size", &[created.into(), 1]);
    assert_eq!(set_size, refused(Errno::NotCapable));
}

#[test]
fn appending() {
    let world = World::new();
    fs::write(world.inside("file"), "start").unwrap();
    let mut guest = world.guest();
    let fd = guest
        .open_at(ROOT, "file", 0, 0, READ | WRITE, APPEND)
        .unwrap();
    assert_eq!(guest.write(fd, b" one"), Ok(4));
    guest.seek(fd, 0, 0).unwrap();
    assert_eq!(guest.write(fd, b" two"), Ok(4));
    assert_eq!(contents(world.inside("file")), "start one two");
    assert_eq!(guest.fdstat(fd).unwrap().1, 1);

    guest.call("fd_fdstat_set_flags", &[fd.into(), 0]).unwrap();
    guest.seek(fd, 0, 0).unwrap();
    assert_eq!(guest.write(fd, b"START"), Ok(5));
    assert_eq!(contents(world.inside("file")), "START one two");
    guest
        .call("fd_fdstat_set_flags", &[fd.into(), APPEND | NONBLOCK])
        .unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().1, 5);
    assert_eq!(guest.write(fd, b"!"), Ok(1));
    assert_eq!(contents(world.inside("file")), "START one two!");

    // Truncating and appending go together, as `fopen` with mode `w` and `O_APPEND` want it.
    let fd = guest
        .open_at(ROOT, "file", 0, CREAT | TRUNC, WRITE, APPEND)
        .unwrap();
    assert_eq!(guest.write(fd, b"new"), Ok(3));
    assert_eq!(contents(world.inside("file")), "new");
}

#[test]
fn synchronous_files() {
    let world = World::new();
    let mut guest = world.guest();
    let fd = guest.open_at(ROOT, "file", 0, CREAT, WRITE, DSYNC).unwrap();
    assert_eq!(guest.write(fd, b"x"), Ok(1));
    assert_eq!(guest.fdstat(fd).unwrap().1, 2);
    // Such a flag can stay, but not come or go.
    let set_flags =
        |guest: &mut Guest, flags| guest.call("fd_fdstat_set_flags", &[fd.into(), flags]);
    assert_eq!(set_flags(&mut guest, DSYNC | APPEND), Ok(()));
    assert_eq!(set_flags(&mut guest, APPEND), refused(Errno::Inval));
    assert_eq!(set_flags(&mut guest, DSYNC | 16), refused(Errno::Inval));
    assert_eq!(set_flags(&mut guest, 1 << 5), refused(Errno::Inval));

    assert_eq!(guest.call("fd_sync", &[fd.into()]), Ok(()));
    assert_eq!(guest.call("fd_datasync", &[fd.into()]), Ok(()));
    // A directory's entries can be made durable too, also those of one the program started with.
    assert_eq!(guest.call("fd_sync", &[ROOT.into()]), Ok(()));
    assert_eq!(guest.call("fd_datasync", &[ROOT.into()]), Ok(()));
    assert_eq!(guest.call("fd_sync", &[1]), refused(Errno::Inval));
    assert_eq!(guest.call("fd_sync", &[77]), refused(Errno::Badf));
}

#[test]
fn sizes() {
    let world = World::new();
    let mut guest = world.guest();
    let fd = guest.open("file", CREAT, READ | WRITE).unwrap();
    let set_size = |guest: &mut Guest, size| guest.call("fd_filestat_set_size", &[fd.into(), size]);
    set_size(&mut guest, 100).unwrap();
    assert_eq!(guest.stat(fd).unwrap().size, 100);
    set_size(&mut guest, 10).unwrap();
    assert_eq!(guest.stat(fd).unwrap().size, 10);
    assert_eq!(set_size(&mut guest, u64::MAX), refused(Errno::Fbig));
    assert_eq!(
        guest.call("fd_filestat_set_size", &[ROOT.into(), 0]),
        refused(Errno::Badf)
    );
    assert_eq!(
        guest.call("fd_filestat_set_size", &[0, 0]),
        refused(Errno::Badf)
    );

    let allocate = |guest: &mut Guest, fd: u32, offset, length| {
        guest.call("fd_allocate", &[fd.into(), offset, length])
    };
    match allocate(&mut guest, fd, 5, 20) {
        Ok(()) => assert_eq!(guest.stat(fd).unwrap().size, 25),
        // Not every file system can.
        refusal => assert_eq!(refusal, refused(Errno::NotSup)),
    }
    assert_eq!(allocate(&mut guest, fd, 0, 0), refused(Errno::Inval));
    assert_eq!(allocate(&mut guest, fd, u64::MAX, 1), refused(Errno::Fbig));
    assert_eq!(
        allocate(&mut guest, fd, 1 << 62, 1 << 62),
        refused(Errno::Fbig)
    );
    assert_eq!(allocate(&mut guest, ROOT, 0, 1), refused(Errno::Badf));
}

#[test]
fn advice_is_taken_and_checked() {
    let world = World::new();
    let mut guest = world.guest();
    let fd = guest.open("file", CREAT, READ).unwrap();
    for advice in 0..=5 {
        guest.call("fd_advise", &[fd.into(), 0, 0, advice]).unwrap();
    }
    assert_eq!(
        guest.call("fd_advise", &[fd.into(), 0, 0, 6]),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.call("fd_advise", &[fd.into(), 1 << 63, 0, 0]),
        refused(Errno::Inval)
    );
    assert_eq!(
        guest.call("fd_advise", &[ROOT.into(), 0, 0, 0]),
        refused(Errno::Badf)
    );
    assert_eq!(guest.call("fd_advise", &[1, 0, 0, 0]), refused(Errno::Badf));
}

#[test]
fn what_is_known_about_files() {
    let world = World::new();
    fs::write(world.inside("file"), "12345").unwrap();
    fs::create_dir(world.inside("dir")).unwrap();
    let mut guest = world.guest();
    guest.symlink("file", "link").unwrap();
    guest.link(0, "file", "hard").unwrap();

    let file = guest.stat_path("file", 0).unwrap();
    assert_eq!((file.filetype, file.size, file.nlink), (4, 5, 2));
    assert!(file.mtim > 1_700_000_000_000_000_000);
    let fd = guest.open("hard", 0, READ).unwrap();
    assert_eq!(guest.stat(fd), Ok(file));
    assert_eq!(guest.stat_path("link", FOLLOW), Ok(file));
    let link = guest.stat_path("link", 0).unwrap();
    assert_eq!((link.filetype, link.size), (7, 4));
    assert_eq!(guest.stat_path("dir", 0).unwrap().filetype, 3);
    assert_eq!(guest.stat(ROOT).unwrap().filetype, 3);
    assert_eq!(guest.stat(0).unwrap().filetype, 0);

    assert_eq!(guest.stat_path("missing", 0), refused(Errno::NoEnt));
    assert_eq!(guest.stat_path("file/", 0), refused(Errno::NotDir));
    assert_eq!(guest.stat_path("link/", 0), refused(Errno::NotDir));
    assert_eq!(guest.stat_path("file", 2), refused(Errno::Inval));
    assert_eq!(guest.stat(99), refused(Errno::Badf));
}

#[test]
fn setting_times() {
    const ATIM: u64 = 1;
    const ATIM_NOW: u64 = 2;
    const MTIM: u64 = 4;
    const MTIM_NOW: u64 = 8;
    let world = World::new();
    fs::write(world.inside("file"), "").unwrap();
    let mut guest = world.guest();
    guest.symlink("file", "link").unwrap();
    let fd = guest.open("file", 0, READ | WRITE).unwrap();
    let times = |stat: Stat| (stat.atim, stat.mtim);
    let set_fd = |guest: &mut Guest, fd: u32, atim, mtim, flags| {
        guest.call("fd_filestat_set_times", &[fd.into(), atim, mtim, flags])
    };

    set_fd(&mut guest, fd, 1_000, 2_000_000_001, ATIM | MTIM).unwrap();
    assert_eq!(times(guest.stat(fd).unwrap()), (1_000, 2_000_000_001));
    set_fd(&mut guest, fd, 5, 6, MTIM).unwrap();
    assert_eq!(times(guest.stat(fd).unwrap()), (1_000, 6));
    set_fd(&mut guest, fd, 5, 6, 0).unwrap();
    assert_eq!(times(guest.stat(fd).unwrap()), (1_000, 6));
    set_fd(&mut guest, fd, 0, 0, ATIM_NOW | MTIM_NOW).unwrap();
    assert!(guest.stat(fd).unwrap().mtim > 1_700_000_000_000_000_000);

    // Through a path: the link itself, or what it leads to.
    guest
        .set_times(FOLLOW, "link", 7_000, 8_000, ATIM | MTIM)
        .unwrap();
    assert_eq!(times(guest.stat(fd).unwrap()), (7_000, 8_000));
    guest
        .set_times(0, "link", 9_000, 9_000, ATIM | MTIM)
        .unwrap();
    assert_eq!(times(guest.stat(fd).unwrap()), (7_000, 8_000));
    assert_eq!(guest.stat_path("link", 0).unwrap().mtim, 9_000);
    guest.set_times(FOLLOW, "file", 1_000, 1_000, MTIM).unwrap();
    assert_eq!(times(guest.stat(fd).unwrap()), (7_000, 1_000));
    set_fd(&mut guest, ROOT, 3_000, 4_000, ATIM | MTIM).unwrap();
    assert_eq!(guest.stat(ROOT).unwrap().mtim, 4_000);

    for flags in [ATIM | ATIM_NOW, MTIM | MTIM_NOW, 16] {
        assert_eq!(set_fd(&mut guest, fd, 0, 0, flags), refused(Errno::Inval));
        assert_eq!(
            guest.set_times(0, "file", 0, 0, flags),
            refused(Errno::Inval)
        );
    }
    assert_eq!(
        guest.set_times(0, "missing", 0, 0, MTIM),
        refused(Errno::NoEnt)
    );
    assert_eq!(
        guest.set_times(FOLLOW, "missing", 0, 0, MTIM),
        refused(Errno::NoEnt)
    );
    assert_eq!(set_fd(&mut guest, 1, 0, 0, MTIM), refused(Errno::Badf));
}

#[test]
fn the_unversioned_module_has_other_numbers_and_layouts() {
    let world = World::new();
    fs::write(world.inside("file"), "0123456789").unwrap();
    let mut guest = world.guest();
    guest.module = "wasi_unstable";
    let fd = guest.open("file", 0, READ).unwrap();
    let (current, end, start) = (0, 1, 2);
    assert_eq!(guest.seek(fd, 4, start), Ok(4));
    assert_eq!(guest.seek(fd, 1, current), Ok(5));
    assert_eq!(guest.seek(fd, -1, end), Ok(9));
    assert_eq!(guest.seek(fd, 0, 3), refused(Errno::Inval));

    guest.memory[RECORD as usize..][..64].fill(0xaa);
    guest
        .call("fd_filestat_get", &[fd.into(), RECORD.into()])
        .unwrap();
    let by_fd = guest.memory[RECORD as usize..][..64].to_vec();
    assert_eq!(by_fd[16], 4);
    assert_eq!(guest.u32_at(RECORD + 20), 1);
    assert_eq!(guest.u64_at(RECORD + 24), 10);
    // The record is shorter: nothing beyond it is touched.
    assert_eq!(by_fd[56..], [0xaa; 8]);
    guest.memory[RECORD as usize..][..64].fill(0xaa);
    let by_path = guest.call_path("path_filestat_get", "file", |address, length| {
        vec![ROOT.into(), 0, address, length, RECORD.into()]
    });
    assert_eq!(by_path, Ok(()));
    assert_eq!(guest.memory[RECORD as usize..][..64], by_fd);
}
