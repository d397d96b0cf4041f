//! A password vault: entries are encrypted, each by itself, with a key that Argon2id makes of a password. Names are
//! authenticated with their entries, so nobody can exchange them. Opening the vault with another password fails, and
//! so does reading an entry after somebody has changed a byte. The key is the machine's: the program never sees it. The size is the memory that Argon2id takes, in
//! KiB.
//!
//! machine: needed
//! test-args: 64

use std::collections::BTreeMap;

use dotvm_sdk::crypto::{argon2id, equal, fill_random, Argon2, Cipher};

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// What is in the vault's file: nothing of it is a secret.
#[derive(Clone, Default)]
struct File {
    cost: Argon2,
    salt: [u8; SALT_BYTES],
    /// Says whether a password is right, before anything else is read.
    check: [u8; 32],
    entries: BTreeMap<String, Sealed>,
}

/// An encrypted entry.
#[derive(Clone)]
struct Sealed {
    nonce: [u8; NONCE_BYTES],
    text: Vec<u8>,
}

/// An open vault.
struct Vault {
    cipher: Cipher,
    file: File,
}

#[derive(Debug, PartialEq, Eq)]
enum Failure {
    WrongPassword,
    NoSuchEntry,
    Damaged,
}

impl Vault {
    fn new(password: &str, cost: Argon2) -> Vault {
        let mut file = File {
            cost,
            ..File::default()
        };
        fill_random(&mut file.salt);
        file.check = check(password, &file);
        let cipher = cipher(password, &file);
        Vault { cipher, file }
    }

    fn open(file: File, password: &str) -> Result<Vault, Failure> {
        if !equal(&check(password, &file), &file.check) {
            return Err(Failure::WrongPassword);
        }
        let cipher = cipher(password, &file);
        Ok(Vault { cipher, file })
    }

    fn put(&mut self, name: &str, secret: &str) {
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce);
        let mut text = secret.as_bytes().to_vec();
        text.resize(text.len() + TAG_BYTES, 0);
        self.cipher.seal(&nonce, name.as_bytes(), &mut text);
        self.file
            .entries
            .insert(name.to_string(), Sealed { nonce, text });
    }

    fn get(&self, name: &str) -> Result<String, Failure> {
        let sealed = self.file.entries.get(name).ok_or(Failure::NoSuchEntry)?;
        let mut text = sealed.text.clone();
        let opened = self.cipher.open(&sealed.nonce, name.as_bytes(), &mut text);
        match opened {
            Some(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            None => Err(Failure::Damaged),
        }
    }
}

fn cipher(password: &str, file: &File) -> Cipher {
    let salt = with_purpose(&file.salt, b"key");
    Cipher::from_password(file.cost, password.as_bytes(), &salt)
}

/// Bytes that are derived as the key is, but by another salt: they tell nothing of it.
fn check(password: &str, file: &File) -> [u8; 32] {
    let mut check = [0; 32];
    let salt = with_purpose(&file.salt, b"check");
    argon2id(file.cost, password.as_bytes(), &salt, &mut check);
    check
}

fn with_purpose(salt: &[u8], purpose: &[u8]) -> Vec<u8> {
    [salt, purpose].concat()
}

fn main() {
    let password = "correct horse battery staple";
    let cost = Argon2 {
        kib: size_argument(1 << 14) as u32,
        passes: 2,
        lanes: 1,
    };
    let mut vault = Vault::new(password, cost);
    vault.put("mail", "hunter2");
    vault.put("bank", "s3cr3t; and a very long one at that");
    vault.put("empty", "");
    let file = vault.file.clone();
    drop(vault);

    let vault = Vault::open(file.clone(), password).expect("the password is right");
    println!("{} entries", vault.file.entries.len());
    for name in ["bank", "empty", "mail", "none"] {
        println!("{}: {:?}", name, vault.get(name));
    }
    for wrong in [
        "",
        "correct horse battery stable",
        "Correct horse battery staple",
    ] {
        let refused = Vault::open(file.clone(), wrong).err();
        println!("{:?}: {:?}", wrong, refused);
    }

    // Whatever byte of an entry somebody changes, it is noticed.
    let len = file.entries["bank"].text.len();
    let noticed = (0..len).filter(|&at| {
        let mut changed = file.clone();
        changed.entries.get_mut("bank").expect("it is there").text[at] ^= 1;
        let vault = Vault::open(changed, password).expect("the password is right");
        vault.get("bank") == Err(Failure::Damaged) && vault.get("mail").is_ok()
    });
    println!("{} changes of {} noticed", noticed.count(), len);

    // So is an entry under another one's name.
    let mut exchanged = file.clone();
    let mail = exchanged.entries["mail"].clone();
    exchanged.entries.insert("bank".to_string(), mail);
    let vault = Vault::open(exchanged, password).expect("the password is right");
    println!("an entry under another name: {:?}", vault.get("bank"));

    // The same secret looks different each time.
    let mut vault = Vault::open(file, password).expect("the password is right");
    vault.put("again", "hunter2");
    let [again, mail] = ["again", "mail"].map(|name| &vault.file.entries[name].text);
    let same = equal(again, mail);
    println!("the same secret twice looks the same: {}", same);
}

fn size_argument(default: usize) -> usize {
    match std::env::args().nth(1) {
        Some(argument) => argument.parse().expect("the size is a number"),
        None => default,
    }
}
