//! The SDK's databases as they are on other targets; examples run the same on the machine.

use std::ops::Bound;

use dotvm_sdk::db::{self, Bytes, Field, Key, Query, Table, Value};
use dotvm_sdk::record;
use proptest::prelude::*;

record! {
    /// Somebody.
    #[derive(Clone, PartialEq, Debug)]
    struct Person {
        name: String,
        age: u8,
        tags: Vec<String>,
        score: Option<f64>,
    }
}

record! {
    /// The same with fewer fields.
    #[derive(Clone, PartialEq, Debug)]
    struct Named {
        name: String,
    }
}

fn person(name: &str, age: u8) -> Person {
    Person {
        name: name.to_owned(),
        age,
        tags: vec!["a".to_owned(); usize::from(age % 3)],
        score: (age.is_multiple_of(2)).then_some(f64::from(age) / 4.0),
    }
}

fn encode(value: &impl Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

/// The value comes back as it was, and nothing that is cut does.
#[track_caller]
fn round_trip<V: Value + PartialEq + std::fmt::Debug>(value: &V) {
    let bytes = encode(value);
    let mut rest = bytes.as_slice();
    assert_eq!(V::decode(&mut rest).as_ref(), Some(value));
    assert!(rest.is_empty());
    for len in 0..bytes.len() {
        assert_eq!(V::decode(&mut &bytes[..len]), None, "{value:?}, {len}");
    }
}

fn key_bytes(key: &impl Key, last: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes, last);
    bytes
}

proptest! {
    #[test]
    fn keys_are_in_order(
        a in any::<(i64, Vec<u8>, String, u16)>(),
        b in any::<(i64, Vec<u8>, String, u16)>(),
    ) {
        let wrap = |(a, b, c, d): (i64, Vec<u8>, String, u16)| (a, Bytes(b), c, d);
        let (a, b) = (wrap(a), wrap(b));
        for last in [false, true] {
            let (a_bytes, b_bytes) = (key_bytes(&a, last), key_bytes(&b, last));
            prop_assert_eq!(a.cmp(&b), a_bytes.cmp(&b_bytes));
            prop_assert_eq!(a.1.cmp(&b.1), key_bytes(&a.1, last).cmp(&key_bytes(&b.1, last)));
            let mut rest = a_bytes.as_slice();
            prop_assert_eq!(Key::decode(&mut rest, last), Some(a.clone()));
            prop_assert!(rest.is_empty());
        }
        // Behind the first parts, whatever comes.
        let mut long = key_bytes(&(a.2.clone(), a.3), true);
        long.push(7);
        let mut rest = long.as_slice();
        let first: Option<String> = Key::decode(&mut rest, false);
        prop_assert_eq!(first, Some(a.2.clone()));
        prop_assert_eq!(rest.len(), 3);
    }

    #[test]
    fn values_come_back(
        numbers in any::<(u64, i64, u8, i128)>(),
        text in any::<String>(),
        list in any::<Vec<(bool, Option<u16>)>>(),
        float in any::<f64>(),
        bytes in any::<Vec<u8>>(),
    ) {
        round_trip(&numbers);
        round_trip(&text);
        round_trip(&list);
        round_trip(&Bytes(bytes.clone()));
        round_trip(&[numbers.2; 5]);
        prop_assert_eq!(encode(&float).len(), 9);
        let back = f64::decode(&mut encode(&float).as_slice()).unwrap();
        prop_assert_eq!(back.to_bits(), float.to_bits());
        // Whatever bytes there are, decoding ends.
        let _ = Vec::<Person>::decode(&mut bytes.as_slice());
        let _ = Person::decode(&mut bytes.as_slice());
    }
}

#[test]
fn records_are_maps() {
    let ann = person("ann", 4);
    round_trip(&ann);
    let named = Named::decode(&mut encode(&ann).as_slice());
    assert_eq!(named.map(|named| named.name).as_deref(), Some("ann"));
    let less = Named {
        name: "bob".to_owned(),
    };
    assert_eq!(Person::decode(&mut encode(&less).as_slice()), None);
    // RFC 8949, appendix A.
    let map: &[u8] = &[0xa1, 0x64, b'n', b'a', b'm', b'e', 0x62, 0xc3, 0xbc];
    assert_eq!(encode(&Named { name: "ü".into() }), map);
    assert_eq!(encode(&-1000i64), [0x39, 0x03, 0xe7]);
    assert_eq!(encode(&1_000_000u64), [0x1a, 0x00, 0x0f, 0x42, 0x40]);
}

#[test]
fn tables_keep_rows() {
    let table: Table<String, u64> = Table::open("rows");
    let key = |text: &str| text.to_owned();
    assert!(table.is_empty());
    assert!(!table.insert(&key("b"), &1));
    assert!(table.insert(&key("b"), &2));
    let rows = [(key("a"), 7), (key("c"), 9), (key("ca"), 10)];
    table.insert_all(rows.iter().map(|(key, value)| (key, value)));
    assert_eq!(table.get(&key("b")), Some(2));
    assert_eq!(table.get(&key("x")), None);
    assert!(table.contains(&key("ca")) && !table.contains(&key("x")));
    let keys =
        |rows: db::Rows<'_, String, u64>| -> String { rows.map(|(key, _)| key + " ").collect() };
    assert_eq!(keys(table.iter()), "a b c ca ");
    assert_eq!(keys(table.range(key("b")..key("ca"))), "b c ");
    assert_eq!(keys(table.range(key("b")..=key("ca"))), "b c ca ");
    let behind = (Bound::Excluded(key("b")), Bound::Unbounded);
    assert_eq!(keys(table.range_back(behind)), "ca c ");
    assert_eq!(keys(table.range(key("z")..key("a"))), "");
    assert_eq!(table.count(..key("c")), 2);
    assert!(table.compare_and_swap(&key("n"), None, Some(&1)));
    assert!(!table.compare_and_swap(&key("n"), None, Some(&2)));
    assert!(!table.compare_and_swap(&key("n"), Some(&3), None));
    assert!(table.compare_and_swap(&key("n"), Some(&1), None));
    assert_eq!(table.get(&key("n")), None);
    assert_eq!(table.remove_range(key("b")..), 3);
    assert!(table.remove(&key("a")) && !table.remove(&key("a")));
    assert!(db::drop_table("rows") && !db::drop_table("rows"));

    let pairs: Table<(String, u32), ()> = Table::open("pairs");
    for (name, number) in [("a", 2), ("a", 1), ("ab", 3), ("a\0", 4)] {
        pairs.insert(&(key(name), number), &());
    }
    let numbers: Vec<u32> = pairs
        .starting_with(&key("a"))
        .map(|((_, n), _)| n)
        .collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn transactions_nest() {
    let table: Table<u32, u32> = Table::open("nested");
    let failed: Result<(), u32> = db::transaction(|| {
        table.insert(&1, &1);
        let inner: Result<(), ()> = db::transaction(|| {
            table.insert(&2, &2);
            assert_eq!(db::depth(), 2);
            Err(())
        });
        assert_eq!((inner, table.get(&2)), (Err(()), None));
        let kept: Result<u32, ()> = db::transaction(|| {
            table.insert(&3, &3);
            Ok(3)
        });
        assert_eq!((kept, table.len()), (Ok(3), 2));
        Err(7)
    });
    assert_eq!((failed, table.len(), db::depth()), (Err(7), 0, 0));
    let panicked = std::panic::catch_unwind(|| {
        let _: Result<(), ()> = db::transaction(|| {
            Table::<u32, u32>::open("nested").insert(&4, &4);
            panic!("as it happens");
        });
    });
    assert!(panicked.is_err());
    assert_eq!((table.len(), db::depth()), (0, 0));
}

#[test]
fn queries_find_what_a_loop_finds() {
    let table: Table<u32, Person> = Table::open("people");
    for number in 0..60 {
        table.insert(
            &number,
            &person(["ann", "bob", "cid"][number as usize % 3], number as u8),
        );
    }
    table.index("name", "cbor name");
    table.index("age", "cbor age");
    assert!(!table.index("age", "cbor age"));
    table.index("score", "cbor score");
    let found = |query: &Query| -> Vec<u32> { table.query(query).map(|(key, _)| key).collect() };
    let expected = |holds: &dyn Fn(&Person) -> bool| -> Vec<u32> {
        table
            .iter()
            .filter(|(_, person)| holds(person))
            .map(|(key, _)| key)
            .collect()
    };
    let query = Query::new().equal("name", "bob").at_least("age", 30u8);
    assert_eq!(found(&query), expected(&|p| p.name == "bob" && p.age >= 30));
    let query = Query::new().greater("age", 3u8).less("age", 7.5);
    assert_eq!(found(&query), expected(&|p| p.age > 3 && p.age < 8));
    let query = Query::new().prefix("name", "c").at_most("age", 20u8);
    assert_eq!(found(&query), expected(&|p| p.name == "cid" && p.age <= 20));
    let query = Query::new().equal("score", Field::Null);
    assert_eq!(found(&query), expected(&|p| p.score.is_none()));
    // Other kinds are neither less nor more.
    assert_eq!(found(&Query::new().less("name", 5u8)), [] as [u32; 0]);
    let query = Query::new().order_by_falling("age").limit(2);
    assert_eq!(found(&query), [59, 58]);
    let query = Query::new().order_by("name").limit(2);
    assert_eq!(found(&query), [0, 3]);
    let query = Query::new().at_least("key", &[0, 0, 0, 58][..]);
    assert_eq!(found(&query), [58, 59]);
}
