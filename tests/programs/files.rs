//! What a program may do in a folder it was given: list, read, write, rename and delete. Panics
//! where something does not work.
//!
//! dir: box::/

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

fn main() -> io::Result<()> {
    println!("at start: {}", listing("/")?);
    println!("read: {:?}", fs::read_to_string("/inner/file.txt")?);
    println!("through a link: {:?}", fs::read_to_string("/link_in")?);
    println!("link to: {:?}", fs::read_link("/link_in")?);

    fs::write("/new.txt", "first\n")?;
    OpenOptions::new().append(true).open("/new.txt")?.write_all(b"second\n")?;
    let mut file = OpenOptions::new().read(true).write(true).open("/new.txt")?;
    file.seek(SeekFrom::Start(6))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("appended: {rest:?}");
    file.set_len(3)?;
    drop(file);
    println!("truncated: {:?}", fs::read_to_string("/new.txt")?);
    println!("length: {}", fs::metadata("/new.txt")?.len());

    fs::create_dir("/made")?;
    fs::rename("/new.txt", "/made/renamed.txt")?;
    fs::copy("/made/renamed.txt", "/made/copy.txt")?;
    fs::hard_link("/made/copy.txt", "/made/hard.txt")?;
    println!("made: {}", listing("/made")?);
    fs::remove_file("/made/renamed.txt")?;
    println!("after removal: {}", listing("/made")?);
    println!("not empty: {}", fs::remove_dir("/made").is_err());
    println!("exists already: {:?}", fs::create_dir("/made").unwrap_err().kind());
    println!("not there: {:?}", File::open("/nothing").unwrap_err().kind());

    fs::create_dir_all("/tree/a/b/c")?;
    for number in 0..100 {
        fs::write(format!("/tree/a/b/{number}.txt"), number.to_string())?;
    }
    fs::write("/tree/a/b/c/leaf", "")?;
    println!("many: {}", fs::read_dir("/tree/a/b")?.count());
    fs::remove_dir_all("/tree")?;
    fs::remove_dir_all("/made")?;
    println!("at the end: {}", listing("/")?);
    Ok(())
}

/// The names in a folder, sorted; folders with a slash behind.
fn listing(path: impl AsRef<Path>) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(name + slash);
    }
    names.sort();
    Ok(names.join(" "))
}
