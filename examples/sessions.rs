//! Sessions of a web server in a database: tokens with what the server knows of their users, found by token, by user and by
//! the time at which they end. Time is a number that only goes up. The size is the number of requests in hundreds.
//!
//! test-args: 4

use dotvm_sdk::crypto::{Hash, Hasher};
use dotvm_sdk::db::{self, Query, Table};
use dotvm_sdk::record;

type Token = [u8; 16];

record! {
    /// A session.
    #[derive(Clone, PartialEq, Debug)]
    struct Session {
        user: String,
        ends: u64,
        visits: u32,
        cart: Vec<(String, u32)>,
    }
}

/// How long a session lasts after each request.
const LASTS: u64 = 50;

struct Sessions {
    table: Table<Token, Session>,
}

impl Sessions {
    fn open() -> Sessions {
        let table = Table::open("sessions");
        table.index("user", "cbor user");
        table.index("ends", "cbor ends");
        Sessions { table }
    }

    /// A new session; the token is made of a number here, so that each run prints the same.
    fn log_in(&self, user: &str, now: u64) -> Token {
        let mut hasher = Hasher::new(Hash::Sha256);
        hasher.update(user.as_bytes());
        hasher.update(&now.to_le_bytes());
        let mut token = [0; 16];
        token.copy_from_slice(&hasher.finish().as_bytes()[..16]);
        let session = Session {
            user: user.to_owned(),
            ends: now + LASTS,
            visits: 0,
            cart: Vec::new(),
        };
        // Nobody gets somebody else's token.
        assert!(self.table.compare_and_swap(&token, None, Some(&session)));
        token
    }

    /// A request: the session goes on, if it has not ended.
    fn visit(&self, token: &Token, now: u64, item: Option<&str>) -> Option<Session> {
        let mut session = self.table.get(token).filter(|session| session.ends > now)?;
        session.ends = now + LASTS;
        session.visits += 1;
        if let Some(item) = item {
            match session.cart.iter_mut().find(|(name, _)| name == item) {
                Some((_, count)) => *count += 1,
                None => session.cart.push((item.to_owned(), 1)),
            }
        }
        self.table.insert(token, &session);
        Some(session)
    }

    fn log_out(&self, token: &Token) -> bool {
        self.table.remove(token)
    }

    /// Removes what has ended; returns how many sessions that were.
    fn sweep(&self, now: u64) -> usize {
        let ended = self.table.query(&Query::new().at_most("ends", now));
        let ended: Vec<Token> = ended.map(|(token, _)| token).collect();
        let swept: Result<(), ()> = db::transaction(|| {
            for token in &ended {
                self.table.remove(token);
            }
            Ok(())
        });
        swept.expect("nothing is refused");
        ended.len()
    }

    fn of_user(&self, user: &str) -> Vec<(Token, Session)> {
        self.table.query(&Query::new().equal("user", user).order_by("ends")).collect()
    }
}

fn main() {
    let requests = 100 * size_argument(200) as u64;
    let sessions = Sessions::open();
    let users = ["ann", "bob", "cid", "dora"];
    let items = ["apple", "book", "cup"];
    let mut tokens = Vec::new();
    let (mut served, mut refused, mut swept, mut left) = (0, 0, 0, 0);
    let mut random = 1442695040888963407u64;
    let mut below = move |n: u64| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) % n
    };
    for now in 0..requests {
        match below(10) {
            0 | 1 => tokens.push(sessions.log_in(users[below(4) as usize], now)),
            2 if !tokens.is_empty() => {
                let token = tokens[below(tokens.len() as u64) as usize];
                left += u32::from(sessions.log_out(&token));
            }
            3 if now % 7 == 0 => swept += sessions.sweep(now),
            choice if !tokens.is_empty() => {
                // Mostly one of the last.
                let recent = tokens.len() - 1 - below(tokens.len().min(12) as u64) as usize;
                let item = if choice > 6 { Some(items[below(3) as usize]) } else { None };
                match sessions.visit(&tokens[recent], now, item) {
                    Some(_) => served += 1,
                    None => refused += 1,
                }
            }
            _ => {}
        }
    }
    println!("{} logins, {} requests served, {} refused", tokens.len(), served, refused);
    println!("{} logged out, {} swept, {} there", left, swept, sessions.table.len());
    for user in &users {
        for (token, session) in sessions.of_user(user) {
            let token: String = token[..4].iter().map(|byte| format!("{:02x}", byte)).collect();
            println!("{} {}: ends {}, {} visits, {:?}", user, token, session.ends, session.visits, session.cart);
        }
    }
    let late = sessions.sweep(requests + LASTS);
    println!("{} swept at the end, {} there", late, sessions.table.len());
}

/// The first argument, or the default.
fn size_argument(default: usize) -> usize {
    std::env::args()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .unwrap_or(default)
}
