//! Rights: what descriptors start with, what they pass on, and giving them up.

use super::*;

fn set_rights(guest: &mut Guest, fd: u32, base: u64, inheriting: u64) -> Answer {
    guest.call("fd_fdstat_set_rights", &[fd.into(), base, inheriting])
}

#[test]
fn rights_of_what_is_opened() {
    let world = World::new();
    fs::write(world.inside("file"), "").unwrap();
    let mut guest = world.guest();
    let expected = |rights: Rights| rights.raw();
    assert_eq!(
        guest.fdstat(ROOT),
        Ok((
            3,
            0,
            expected(Rights::DIRECTORY),
            expected(Rights::DIRECTORY.with(Rights::FILE))
        ))
    );
    let both = guest.open("file", 0, READ | WRITE).unwrap();
    let file = expected(Rights::FILE);
    assert_eq!(guest.fdstat(both), Ok((4, 0, file, file)));
    let reader = guest.open("file", 0, READ).unwrap();
    let file = expected(Rights::FILE.without(Rights::FILE_CHANGES));
    assert_eq!(guest.fdstat(reader), Ok((4, 0, file, file)));
    // Without seeking and telling, libraries take a terminal for one.
    let input = expected(Rights::STREAM.with(Rights::FD_READ));
    assert_eq!(guest.fdstat(0), Ok((0, 0, input, 0)));
    assert_eq!(guest.fdstat(99), refused(Errno::Badf));
}

#[test]
fn rights_given_up_are_gone() {
    let world = World::new();
    fs::write(world.inside("file"), "0123456789").unwrap();
    let mut guest = world.guest();
    let fd = guest.open("file", 0, READ | WRITE).unwrap();
    set_rights(
        &mut guest,
        fd,
        (Rights::FD_READ.with(Rights::FD_TELL)).raw(),
        0,
    )
    .unwrap();

    assert_eq!(guest.read(fd, 2), Ok(b"01".to_vec()));
    assert_eq!(guest.write(fd, b"x"), refused(Errno::Badf));
    assert_eq!(guest.seek(fd, 0, 1), Ok(2));
    assert_eq!(guest.call("fd_tell", &[fd.into(), RESULT.into()]), Ok(()));
    for (name, arguments) in [
        ("fd_seek", &[fd.into(), 1, 1, RESULT.into()][..]),
        ("fd_pread", &[fd.into(), 0, 0, 0, RESULT.into()]),
        ("fd_advise", &[fd.into(), 0, 0, 0]),
        ("fd_allocate", &[fd.into(), 0, 1]),
        ("fd_sync", &[fd.into()]),
        ("fd_datasync", &[fd.into()]),
        ("fd_fdstat_set_flags", &[fd.into(), 0]),
        ("fd_filestat_get", &[fd.into(), RECORD.into()]),
        ("fd_filestat_set_size", &[fd.into(), 0]),
        ("fd_filestat_set_times", &[fd.into(), 0, 0, 0]),
    ] {
        assert_eq!(
            guest.call(name, arguments),
            refused(Errno::NotCapable),
            "{name}"
        );
    }
    let more = set_rights(&mut guest, fd, Rights::FILE.raw(), 0);
    assert_eq!(more, refused(Errno::NotCapable));
    set_rights(&mut guest, fd, 0, 0).unwrap();
    assert_eq!(guest.read(fd, 2), refused(Errno::Badf));
    assert_eq!(set_rights(&mut guest, 99, 0, 0), refused(Errno::Badf));
}

#[test]
fn a_directory_passes_on_what_it_has() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    fs::create_dir(world.inside("dir")).unwrap();
    let mut guest = world.guest();
    let (_, _, base, inheriting) = guest.fdstat(ROOT).unwrap();
    let kept = inheriting & !Rights::FD_WRITE.with(Rights::PATH_UNLINK_FILE).raw();
    set_rights(&mut guest, ROOT, base, kept).unwrap();
    assert_eq!(guest.open("file", 0, WRITE), refused(Errno::NotCapable));
    let dir = guest.open("dir", DIRECTORY, 0).unwrap();
    assert_eq!(
        guest.open_at(dir, "x", 0, CREAT, WRITE, 0),
        refused(Errno::NotCapable)
    );
    assert!(guest.open_at(dir, "x", 0, CREAT, READ, 0).is_ok());
    assert_eq!(
        guest.path_call("path_unlink_file", dir, "x"),
        refused(Errno::NotCapable)
    );
    // The directory itself still has the right.
    guest.unlink("dir/x").unwrap();

    let without = |rights: Rights| base & !rights.raw();
    set_rights(
        &mut guest,
        ROOT,
        without(Rights::PATH_FILESTAT_SET_SIZE),
        kept,
    )
    .unwrap();
    assert_eq!(guest.open("file", TRUNC, READ), refused(Errno::NotCapable));
    assert_eq!(contents(world.inside("file")), "contents");
}

#[test]
fn a_directory_to_be_read_only() {
    let world = World::new();
    fs::write(world.inside("file"), "contents").unwrap();
    fs::create_dir(world.inside("dir")).unwrap();
    std::os::unix::fs::symlink("file", world.inside("link")).unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir_read_only(world.inside(""), "/")
        .unwrap();
    let mut guest = Guest::new(builder.build());

    let fd = guest.open("file", 0, READ).unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"contents".to_vec()));
    assert_eq!(guest.readdir(ROOT, 4096).unwrap().len(), 5);
    assert_eq!(guest.readlink("link", 10), Ok("file".to_owned()));
    assert_eq!(guest.stat_path("dir", 0).unwrap().filetype, 3);
    let dir = guest.open("dir", DIRECTORY, 0).unwrap();

    let denied = refused(Errno::NotCapable);
    assert_eq!(guest.open("file", 0, WRITE).map(drop), denied);
    assert_eq!(guest.open("file", TRUNC, READ).map(drop), denied);
    assert_eq!(guest.open("new", CREAT, READ).map(drop), denied);
    assert_eq!(
        guest.open_at(dir, "new", 0, CREAT, READ, 0).map(drop),
        denied
    );
    assert_eq!(guest.create_directory("new"), denied);
    assert_eq!(guest.remove_directory("dir"), denied);
    assert_eq!(guest.unlink("file"), denied);
    assert_eq!(guest.rename("file", "new"), denied);
    assert_eq!(guest.link(0, "file", "new"), denied);
    assert_eq!(guest.symlink("file", "new"), denied);
    assert_eq!(guest.set_times(0, "file", 0, 0, 5), denied);
    assert_eq!(
        guest.call("fd_filestat_set_times", &[fd.into(), 0, 0, 5]),
        denied
    );
    assert_eq!(
        guest.call("fd_filestat_set_times", &[ROOT.into(), 0, 0, 5]),
        denied
    );
    assert_eq!(guest.call("fd_filestat_set_size", &[fd.into(), 0]), denied);
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 100]), denied);
}
