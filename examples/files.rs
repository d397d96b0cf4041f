//! Works with files in the current directory, which must be preopened: creates a directory with
//! files in it, writes, appends, seeks, truncates, reads back, lists, renames and removes
//! everything again. Prints what it saw, and what errors it got where errors are expected.
//!
//! dir: .

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

const DIRECTORY: &str = "files-example";

fn main() -> io::Result<()> {
    let directory = Path::new(DIRECTORY);
    // What an interrupted run has left behind must not disturb this one.
    if directory.exists() {
        remove_tree(directory)?;
    }
    fs::create_dir(directory)?;
    write_and_read(directory)?;
    seek_and_truncate(directory)?;
    rename_and_list(directory)?;
    report_errors(directory);
    remove_everything(directory)
}

fn write_and_read(directory: &Path) -> io::Result<()> {
    let path = directory.join("poem.txt");
    fs::write(&path, "Roses are red,\nviolets are blue.\n")?;
    let mut file = OpenOptions::new().append(true).open(&path)?;
    writeln!(file, "größer, 柿, 😀")?;
    drop(file);
    for (number, line) in (1..).zip(BufReader::new(File::open(&path)?).lines()) {
        println!("{number}: {}", line?);
    }
    let metadata = fs::metadata(&path)?;
    println!(
        "poem.txt: {} bytes, file: {}",
        metadata.len(),
        metadata.is_file()
    );
    Ok(())
}

fn seek_and_truncate(directory: &Path) -> io::Result<()> {
    let path = directory.join("data.bin");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    let squares: Vec<u8> = (0..1000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
    file.write_all(&squares)?;

    let mut word = [0; 4];
    file.seek(SeekFrom::Start(4 * 123))?;
    file.read_exact(&mut word)?;
    println!("word 123 is {}", u32::from_le_bytes(word));
    file.seek(SeekFrom::Current(-4))?;
    file.write_all(&7u32.to_le_bytes())?;
    file.seek(SeekFrom::End(-4))?;
    file.read_exact(&mut word)?;
    println!("the last word is {}", u32::from_le_bytes(word));
    println!("at the end, {} bytes are read", file.read(&mut word)?);

    file.set_len(4 * 124)?;
    file.rewind()?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    println!(
        "{} bytes after truncating, the last ones {:?}",
        rest.len(),
        &rest[rest.len() - 4..]
    );
    file.set_len(1000)?;
    println!("{} bytes after extending", file.metadata()?.len());
    Ok(())
}

fn rename_and_list(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory.join("deep/deeper"))?;
    for name in ["b.txt", "a.txt", "deep/c.txt"] {
        fs::write(directory.join(name), name.repeat(3))?;
    }
    fs::rename(
        directory.join("b.txt"),
        directory.join("deep/deeper/moved.txt"),
    )?;
    fs::rename(directory.join("a.txt"), directory.join("poem.txt"))?;
    fs::copy(directory.join("poem.txt"), directory.join("deep/copy.txt"))?;
    println!(
        "poem.txt is now {:?}",
        fs::read_to_string(directory.join("poem.txt"))?
    );
    for line in list(directory, "")? {
        println!("{line}");
    }
    Ok(())
}

/// Everything below a directory, sorted: the order of directory entries is not defined.
fn list(directory: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            lines.extend(list(&entry.path(), &format!("{name}/"))?);
            lines.push(format!("{name}/"));
        } else {
            lines.push(format!("{name} {} bytes", entry.metadata()?.len()));
        }
    }
    lines.sort();
    Ok(lines)
}

/// Tries what cannot work.
fn report_errors(directory: &Path) {
    let report = |attempt: &str, result: io::Result<()>| match result {
        Ok(()) => println!("{attempt}: worked"),
        Err(error) => println!("{attempt}: {:?}", error.kind()),
    };
    let missing = directory.join("missing.txt");
    report("reading a missing file", File::open(&missing).map(drop));
    report("removing a missing file", fs::remove_file(&missing));
    report("creating an existing directory", fs::create_dir(directory));
    let existing = directory.join("poem.txt");
    let create_new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&existing);
    report("creating an existing file", create_new.map(drop));
    let read_only = File::open(&existing).and_then(|mut file| file.write_all(b"x"));
    println!(
        "writing to a file opened for reading: {}",
        outcome(&read_only)
    );
    println!(
        "removing a full directory: {}",
        outcome(&fs::remove_dir(directory))
    );
    println!(
        "a directory as a file: {}",
        outcome(&fs::read(directory).map(drop))
    );
}

/// For errors whose kind depends on the version of the standard library.
fn outcome(result: &io::Result<()>) -> &'static str {
    match result {
        Ok(()) => "worked",
        Err(_) => "refused",
    }
}

fn remove_everything(directory: &Path) -> io::Result<()> {
    fs::remove_file(directory.join("poem.txt"))?;
    fs::remove_file(directory.join("data.bin"))?;
    println!("left before the end: {:?}", list(directory, "")?);
    remove_tree(directory)?;
    println!("the directory exists: {}", directory.exists());
    Ok(())
}

/// Removes a directory and everything in it. The entries are collected first: not every WASI host
/// lists a directory reliably while it changes, which `fs::remove_dir_all` relies on.
fn remove_tree(directory: &Path) -> io::Result<()> {
    let entries: Vec<fs::DirEntry> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    for entry in entries {
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(directory)
}
