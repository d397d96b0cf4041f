//! Ways out of the sandbox. All of them must fail, for the right reason, and change nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, symlink};

use super::*;

/// What an attempt does. It uses the world to know paths of the host.
type Attempt = fn(&mut Guest, &World) -> Answer;

/// Opens for reading, through links or not, and reads: what would give a secret away.
fn steal(guest: &mut Guest, lookup: u64, path: &str) -> Answer {
    steal_at(guest, ROOT, lookup, path)
}

fn steal_at(guest: &mut Guest, fd: u32, lookup: u64, path: &str) -> Answer {
    let file = guest.open_at(fd, path, lookup, 0, READ, 0)?;
    let found = guest.read(file, 100)?;
    panic!(
        "read {:?} through {path:?}",
        String::from_utf8_lossy(&found)
    );
}

/// Opens something for writing.
fn overwrite(guest: &mut Guest, lookup: u64, path: &str, oflags: u64) -> Answer {
    guest.open_at(ROOT, path, lookup, oflags, WRITE, 0)?;
    Ok(())
}

/// Opens a directory, through links or not.
fn enter(guest: &mut Guest, fd: u32, lookup: u64, path: &str) -> Answer {
    guest.open_at(fd, path, lookup, DIRECTORY, 0, 0)?;
    Ok(())
}

/// The path of the secret, as the host knows it.
fn absolute(world: &World) -> String {
    world.outside("secret").to_str().unwrap().to_owned()
}

/// The attempts: what is tried, what it must be refused with, and the trying.
const ATTEMPTS: &[(&str, Errno, Attempt)] = &[
    // Reading.
    ("..", Errno::Perm, |g, _| steal(g, 0, "../outside/secret")),
    ("./..", Errno::Perm, |g, _| {
        steal(g, 0, "./../outside/secret")
    }),
    ("dir/../..", Errno::Perm, |g, _| {
        steal(g, 0, "dir/../../outside/secret")
    }),
    (".. after many dots", Errno::Perm, |g, _| {
        steal(g, 0, "dir/./.././../outside/secret")
    }),
    (".. and back", Errno::Perm, |g, _| {
        steal(g, 0, "../sandbox/file")
    }),
    ("many ..", Errno::Perm, |g, _| {
        steal(g, 0, &("../".repeat(50) + "etc/passwd"))
    }),
    ("absolute", Errno::Perm, |g, w| steal(g, 0, &absolute(w))),
    ("absolute, //", Errno::Perm, |g, w| {
        steal(g, 0, &format!("/{}", absolute(w)))
    }),
    ("absolute into the sandbox", Errno::Perm, |g, w| {
        let inside = w.inside("file");
        steal(g, 0, inside.to_str().unwrap())
    }),
    ("/etc/passwd", Errno::Perm, |g, _| {
        steal(g, FOLLOW, "/etc/passwd")
    }),
    ("/proc", Errno::Perm, |g, _| {
        steal(g, FOLLOW, "/proc/self/environ")
    }),
    ("absolute link", Errno::Perm, |g, _| {
        steal(g, FOLLOW, "to-secret-absolute")
    }),
    ("relative link", Errno::Perm, |g, _| {
        steal(g, FOLLOW, "to-secret")
    }),
    ("link not followed", Errno::Loop, |g, _| {
        steal(g, 0, "to-secret")
    }),
    ("link on the way", Errno::Perm, |g, _| {
        steal(g, 0, "to-outside/secret")
    }),
    ("link with slash", Errno::Perm, |g, _| {
        steal(g, 0, "to-outside/")
    }),
    ("link to link", Errno::Perm, |g, _| {
        steal(g, FOLLOW, "to-link/secret")
    }),
    ("link to ..", Errno::Perm, |g, _| {
        steal(g, 0, "to-parent/outside/secret")
    }),
    ("link to /", Errno::Perm, |g, _| {
        steal(g, 0, "to-root/etc/passwd")
    }),
    ("link, then ..", Errno::Perm, |g, _| {
        steal(g, 0, "to-outside/../outside/secret")
    }),
    ("link and ..", Errno::Perm, |g, _| {
        steal(g, 0, "dir/to-dir/../../../outside/secret")
    }),
    ("NUL in the middle", Errno::Inval, |g, _| {
        steal(g, 0, "../outside/secret\0x")
    }),
    ("NUL to hide", Errno::Inval, |g, _| {
        steal(g, 0, "file\0/../../outside/secret")
    }),
    ("overlong encoding of .", Errno::Ilseq, |g, _| {
        g.open(b"\xc0\xae\xc0\xae/outside/secret", 0, READ)
            .map(drop)
    }),
    ("backslashes", Errno::NoEnt, |g, _| {
        steal(g, 0, "..\\outside\\secret")
    }),
    // Directories.
    ("directory ..", Errno::Perm, |g, _| enter(g, ROOT, 0, "..")),
    ("directory ../", Errno::Perm, |g, _| {
        enter(g, ROOT, 0, "../")
    }),
    ("directory /", Errno::Perm, |g, _| enter(g, ROOT, 0, "/")),
    ("directory //", Errno::Perm, |g, _| enter(g, ROOT, 0, "//")),
    ("directory through link", Errno::Perm, |g, _| {
        enter(g, ROOT, FOLLOW, "to-outside")
    }),
    ("subdirectory's ..", Errno::Perm, |g, _| {
        let dir = g.open("dir", DIRECTORY, 0)?;
        enter(g, dir, 0, "..")
    }),
    ("subdirectory's ../..", Errno::Perm, |g, _| {
        let dir = g.open("dir", DIRECTORY, 0)?;
        steal_at(g, dir, 0, "../../outside/secret")
    }),
    ("subdirectory's link up", Errno::Perm, |g, _| {
        let dir = g.open("dir", DIRECTORY, 0)?;
        steal_at(g, dir, FOLLOW, "to-file")
    }),
    ("moved directory's ..", Errno::Perm, |g, _| {
        g.create_directory("dir/deep")?;
        let deep = g.open("dir/deep", DIRECTORY, 0)?;
        g.rename("dir/deep", "deep")?;
        steal_at(g, deep, 0, "../../outside/secret")
    }),
    ("removed directory's ..", Errno::Perm, |g, _| {
        g.create_directory("gone")?;
        let gone = g.open("gone", DIRECTORY, 0)?;
        g.remove_directory("gone")?;
        steal_at(g, gone, 0, "../../outside/secret")
    }),
    // Writing.
    ("create", Errno::Perm, |g, _| {
        overwrite(g, 0, "../outside/new", CREAT)
    }),
    ("create through link", Errno::Perm, |g, _| {
        overwrite(g, 0, "to-outside/new", CREAT)
    }),
    ("create at link's end", Errno::Perm, |g, _| {
        overwrite(g, FOLLOW, "to-new", CREAT)
    }),
    ("create, exclusively", Errno::Exist, |g, _| {
        overwrite(g, FOLLOW, "to-new", CREAT | EXCL)
    }),
    ("create, only to read", Errno::Perm, |g, _| {
        g.open_at(ROOT, "to-new", FOLLOW, CREAT, READ, 0).map(drop)
    }),
    ("overwrite", Errno::Perm, |g, _| {
        overwrite(g, 0, "../outside/secret", 0)
    }),
    ("truncate", Errno::Perm, |g, _| {
        overwrite(g, 0, "../outside/secret", TRUNC)
    }),
    ("truncate through link", Errno::Perm, |g, _| {
        overwrite(g, FOLLOW, "to-secret", TRUNC)
    }),
    ("make directory", Errno::Perm, |g, _| {
        g.create_directory("../outside/new")
    }),
    ("make directory through link", Errno::Perm, |g, _| {
        g.create_directory("to-outside/new")
    }),
    ("make directory at link's end", Errno::Exist, |g, _| {
        g.create_directory("to-new")
    }),
    ("remove directory", Errno::Perm, |g, _| {
        g.remove_directory("../outside/empty")
    }),
    ("remove directory through link", Errno::Perm, |g, _| {
        g.remove_directory("to-outside/empty")
    }),
    ("remove the sandbox", Errno::Perm, |g, _| {
        g.remove_directory("../sandbox")
    }),
    ("remove link as directory", Errno::NotDir, |g, _| {
        g.remove_directory("to-outside")
    }),
    ("unlink", Errno::Perm, |g, _| g.unlink("../outside/secret")),
    ("unlink through link", Errno::Perm, |g, _| {
        g.unlink("to-outside/secret")
    }),
    ("unlink, absolute", Errno::Perm, |g, w| {
        g.unlink(&absolute(w))
    }),
    ("rename out", Errno::Perm, |g, _| {
        g.rename("file", "../outside/new")
    }),
    ("rename out through link", Errno::Perm, |g, _| {
        g.rename("file", "to-outside/new")
    }),
    ("rename in", Errno::Perm, |g, _| {
        g.rename("../outside/secret", "mine")
    }),
    ("rename in through link", Errno::Perm, |g, _| {
        g.rename("to-outside/secret", "mine")
    }),
    ("rename ..", Errno::Perm, |g, _| g.rename("..", "mine")),
    ("rename onto ..", Errno::Perm, |g, _| {
        g.rename("dir", "../outside/empty")
    }),
    // Links.
    ("hard link in", Errno::Perm, |g, _| {
        g.link(0, "../outside/secret", "mine")
    }),
    ("hard link in through link", Errno::Perm, |g, _| {
        g.link(0, "to-outside/secret", "mine")
    }),
    ("hard link out", Errno::Perm, |g, _| {
        g.link(0, "file", "../outside/new")
    }),
    ("hard link following", Errno::Inval, |g, _| {
        g.link(FOLLOW, "to-secret", "mine")
    }),
    ("hard link to link", Errno::Perm, |g, _| {
        g.link(0, "to-secret", "mine")?;
        steal(g, FOLLOW, "mine")
    }),
    ("symbolic link to /", Errno::Perm, |g, _| {
        g.symlink("/", "mine")
    }),
    ("symbolic link, absolute", Errno::Perm, |g, w| {
        g.symlink(&absolute(w), "mine")
    }),
    ("symbolic link outside", Errno::Perm, |g, _| {
        g.symlink("secret", "../outside/new")
    }),
    ("symbolic link through link", Errno::Perm, |g, _| {
        g.symlink("secret", "to-outside/new")
    }),
    ("own symbolic link", Errno::Perm, |g, _| {
        g.symlink("../outside/secret", "mine")?;
        steal(g, FOLLOW, "mine")
    }),
    (
        "own symbolic links, one after the other",
        Errno::Perm,
        |g, _| {
            g.symlink("..", "dir/up")?;
            g.symlink("dir/up/..", "upper")?;
            steal(g, 0, "upper/outside/secret")
        },
    ),
    ("own symbolic link, moved up", Errno::Perm, |g, _| {
        g.symlink("..", "dir/harmless")?;
        g.rename("dir/harmless", "harmful")?;
        steal(g, 0, "harmful/outside/secret")
    }),
    ("what a link says, outside", Errno::Perm, |g, _| {
        g.readlink("../outside/link", 99).map(drop)
    }),
    ("what an absolute link says", Errno::Perm, |g, _| {
        g.readlink("to-secret-absolute", 99).map(drop)
    }),
    // Attributes.
    ("stat", Errno::Perm, |g, _| {
        g.stat_path("../outside/secret", 0).map(drop)
    }),
    ("stat ..", Errno::Perm, |g, _| {
        g.stat_path("..", 0).map(drop)
    }),
    ("stat, absolute", Errno::Perm, |g, w| {
        g.stat_path(&absolute(w), FOLLOW).map(drop)
    }),
    ("stat at link's end", Errno::Perm, |g, _| {
        g.stat_path("to-secret", FOLLOW).map(drop)
    }),
    ("stat through link", Errno::Perm, |g, _| {
        g.stat_path("to-outside/secret", 0).map(drop)
    }),
    ("stat link with slash", Errno::Perm, |g, _| {
        g.stat_path("to-outside/", 0).map(drop)
    }),
    ("set times", Errno::Perm, |g, _| {
        g.set_times(0, "../outside/secret", 0, 0, 5)
    }),
    ("set times at link's end", Errno::Perm, |g, _| {
        g.set_times(FOLLOW, "to-secret", 0, 0, 5)
    }),
    ("set times through link", Errno::Perm, |g, _| {
        g.set_times(0, "to-outside/secret", 0, 0, 5)
    }),
    ("set times with slash", Errno::Perm, |g, _| {
        g.set_times(FOLLOW, "to-outside/", 0, 0, 5)
    }),
    // Descriptors.
    ("the host's descriptors", Errno::Badf, |g, _| {
        for fd in 4..100 {
            assert_eq!(g.fdstat(fd), refused(Errno::Badf), "descriptor {fd}");
        }
        enter(g, 4, 0, ".")
    }),
];

/// A world with links that lead out of the sandbox, and things worth reaching.
fn world_with_links() -> World {
    let world = World::new();
    fs::write(world.outside("secret"), "the secret").unwrap();
    fs::create_dir(world.outside("empty")).unwrap();
    symlink("secret", world.outside("link")).unwrap();
    fs::write(world.inside("file"), "harmless").unwrap();
    fs::create_dir(world.inside("dir")).unwrap();
    for (link, target) in [
        ("to-secret", "../outside/secret"),
        ("to-new", "../outside/new"),
        ("to-outside", "../outside"),
        ("to-parent", ".."),
        ("to-root", "/"),
        ("to-link", "to-outside"),
        ("dir/to-dir", "../dir"),
        ("dir/to-file", "../file"),
    ] {
        symlink(target, world.inside(link)).unwrap();
    }
    symlink(world.outside("secret"), world.inside("to-secret-absolute")).unwrap();
    world
}

/// What is outside: names, contents, times and link counts.
fn outside(world: &World) -> BTreeMap<PathBuf, (String, i64, i64, u64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(world.outside("")).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let contents = if metadata.is_file() {
            contents(entry.path())
        } else {
            String::new()
        };
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        found.insert(
            entry.path(),
            (contents, seconds, nanoseconds, metadata.nlink()),
        );
    }
    found
}

#[test]
fn every_way_out_is_closed() {
    assert!(ATTEMPTS.len() >= 30);
    for (name, errno, attempt) in ATTEMPTS {
        let world = world_with_links();
        let before = outside(&world);
        let mut guest = world.guest();
        let answer = attempt(&mut guest, &world);
        assert_eq!(answer, refused(*errno), "{name}");
        assert_eq!(outside(&world), before, "{name} changed what is outside");
        assert!(world.inside("file").exists(), "{name} moved what is inside");
    }
}

#[test]
fn links_that_stay_inside_are_followed() {
    let world = world_with_links();
    let mut guest = world.guest();
    for path in [
        "dir/to-file",
        "dir/to-dir/to-dir/to-file",
        "dir/../dir/to-dir/../file",
    ] {
        let fd = guest.open_at(ROOT, path, FOLLOW, 0, READ, 0).unwrap();
        assert_eq!(guest.read(fd, 100), Ok(b"harmless".to_vec()), "{path}");
    }
}
