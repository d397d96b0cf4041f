//! The field of a document in JSON. Of members with the same name the last one counts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Step;
use crate::value::Value;

/// What is there in a document; `None` also where that is no JSON.
pub(super) fn field(document: &[u8], path: &[Step]) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let field = Place(path).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    field
}

/// What is at the end of a path from here.
#[derive(Clone, Copy)]
struct Place<'p>(&'p [Step]);

impl Place<'_> {
    /// Something that is no array and no map.
    fn scalar<E>(self, value: Value) -> Result<Option<Value>, E> {
        Ok(self.0.is_empty().then_some(value))
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Value>, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<Value>, E> {
        self.scalar(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<Value>, E> {
        self.scalar(Value::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<Value>, E> {
        self.scalar(Value::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<Value>, E> {
        self.scalar(Value::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<Value>, E> {
        match self.0 {
            [] => Ok(Some(Value::Text(text.to_owned()))),
            _ => Ok(None),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        if let [Step::Element(number), rest @ ..] = self.0 {
            let mut i = 0;
            while i < *number && array.next_element::<IgnoredAny>()?.is_some() {
                i += 1;
            }
            if i == *number {
                found = array.next_element_seed(Place(rest))?.flatten();
            }
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        if let [Step::Name(name), rest @ ..] = self.0 {
            while let Some(is_it) = map.next_key_seed(Is(name))? {
                match is_it {
                    true => found = map.next_value_seed(Place(rest))?,
                    false => drop(map.next_value::<IgnoredAny>()?),
                }
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// Whether text is that.
struct Is<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    fn document() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            (-1e9..1e9).prop_map(Json::from),
            "[a\\n\"ä]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 30, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::vec(("[ab]?", inner), 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    pub(in crate::extract) fn path() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            "[ab]?".prop_map(Step::Name),
            (0usize..4).prop_map(Step::Element),
        ];
        proptest::collection::vec(step, 1..4)
    }

    /// The same, in a document that was read as a whole.
    fn expected(document: &Json, path: &[Step]) -> Option<Value> {
        let mut place = document;
        for step in path {
            place = match step {
                Step::Name(name) => place.as_object()?.get(name)?,
                Step::Element(number) => place.as_array()?.get(*number)?,
            };
        }
        match place {
            Json::Null => Some(Value::Null),
            Json::Bool(value) => Some(Value::Bool(*value)),
            Json::Number(number) => Some(match number.as_i128() {
                Some(integer) => Value::Integer(integer),
                None => Value::Float(number.as_f64()?),
            }),
            Json::String(text) => Some(Value::Text(text.clone())),
            Json::Array(_) | Json::Object(_) => None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn fields_are_those_of_the_whole_document(document in document(), path in path()) {
            let text = document.to_string();
            prop_assert_eq!(field(text.as_bytes(), &path), expected(&document, &path), "{}", text);
            // What ends too early, or too late, is no document.
            if let Json::Array(_) | Json::Object(_) = document {
                prop_assert_eq!(field(&text.as_bytes()[..text.len() - 1], &path), None);
            }
            prop_assert_eq!(field(format!("{text} 1").as_bytes(), &path), None);
        }
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        let path = [Step::Name("a".into())];
        assert_eq!(
            field(br#"{"a": 1, "a": 2}"#, &path),
            Some(Value::Integer(2))
        );
        assert_eq!(field(br#"{"a": 1, "a": []}"#, &path), None);
    }
}
