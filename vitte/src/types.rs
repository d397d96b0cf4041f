//! Types while they are inferred: shared nodes, variables, unification.
//!
//! Each type exists once, so comparing types is comparing numbers. Pairs that were made equal are
//! remembered, and types have at most [`DEPTH_MAX`] levels: so neither time nor recursion gets out of
//! hand, whatever programs do with inference.

use std::collections::{HashMap, HashSet};

/// The most levels of a type.
pub const DEPTH_MAX: u32 = 100;

/// The most levels of a type that messages show.
const SHOWN_DEPTH_MAX: u32 = 6;

/// A type, by its number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ty(u32);

/// What a type is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Nothing is known because of an error; fits everything.
    Error,
    /// No value.
    Void,
    /// Of what never gives a value. Only expressions have it: it is no part of other types, and no
    /// variable stands for it.
    Never,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `string`
    Str,
    /// `array<T>`
    Array(Ty),
    /// `map<K, V>`
    Map(Ty, Ty),
    /// `T?`
    Optional(Ty),
    /// `fn(T, U) -> R`
    Fn(Vec<Ty>, Ty),
    /// The struct with that number.
    Struct(u32),
    /// The enum with that number.
    Enum(u32),
    /// What is not known yet.
    Var(u32),
}

impl Ty {
    /// See [`Kind::Error`].
    pub const ERROR: Ty = Ty(0);
    /// See [`Kind::Void`].
    pub const VOID: Ty = Ty(1);
    /// See [`Kind::Never`].
    pub const NEVER: Ty = Ty(2);
    /// See [`Kind::Int`].
    pub const INT: Ty = Ty(3);
    /// See [`Kind::Float`].
    pub const FLOAT: Ty = Ty(4);
    /// See [`Kind::Bool`].
    pub const BOOL: Ty = Ty(5);
    /// See [`Kind::Str`].
    pub const STR: Ty = Ty(6);
}

/// Why two types cannot be one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Conflict {
    /// They differ.
    Different,
    /// One would contain itself, or have too many levels.
    Infinite,
}

/// All types of a program.
#[derive(Debug)]
pub struct Types {
    kinds: Vec<Kind>,
    numbers: HashMap<Kind, Ty>,
    /// What variables stand for.
    bound: Vec<Option<Ty>>,
    /// Pairs that were made equal.
    equal: HashSet<(Ty, Ty)>,
}

impl Default for Types {
    fn default() -> Types {
        let mut types = Types {
            kinds: Vec::new(),
            numbers: HashMap::new(),
            bound: Vec::new(),
            equal: HashSet::new(),
        };
        use Kind::{Bool, Error, Float, Int, Never, Str, Void};
        for kind in [Error, Void, Never, Int, Float, Bool, Str] {
            types.add(kind);
        }
        types
    }
}

impl Types {
    /// The type that is so.
    pub fn add(&mut self, kind: Kind) -> Ty {
        if let Some(&ty) = self.numbers.get(&kind) {
            return ty;
        }
        let ty = Ty(self.kinds.len() as u32);
        self.kinds.push(kind.clone());
        self.numbers.insert(kind, ty);
        ty
    }

    /// A type that is not known yet.
    pub fn var(&mut self) -> Ty {
        let number = self.bound.len() as u32;
        self.bound.push(None);
        self.add(Kind::Var(number))
    }

    /// The type that this one stands for.
    pub fn find(&self, mut ty: Ty) -> Ty {
        // Chains are short: variables are bound to what others stand for at the time.
        while let Kind::Var(var) = self.kinds[ty.0 as usize] {
            match self.bound[var as usize] {
                Some(next) => ty = next,
                None => break,
            }
        }
        ty
    }

    /// What a type is, as far as it is known.
    pub fn kind(&self, ty: Ty) -> &Kind {
        &self.kinds[self.find(ty).0 as usize]
    }

    /// The types that a type is made of.
    fn parts(&self, ty: Ty) -> Vec<Ty> {
        match self.kind(ty) {
            Kind::Array(item) | Kind::Optional(item) => vec![*item],
            Kind::Map(key, value) => vec![*key, *value],
            Kind::Fn(params, result) => params.iter().copied().chain([*result]).collect(),
            _ => Vec::new(),
        }
    }

    /// The number of levels of a type; `None` where it has too many, or contains the variable.
    fn levels(
        &self,
        ty: Ty,
        var: Option<Ty>,
        above: u32,
        seen: &mut HashMap<Ty, u32>,
    ) -> Option<u32> {
        let ty = self.find(ty);
        if Some(ty) == var || above > DEPTH_MAX {
            return None;
        }
        if let Some(&levels) = seen.get(&ty) {
            return Some(levels);
        }
        let mut most = 0;
        for part in self.parts(ty) {
            most = most.max(self.levels(part, var, above + 1, seen)?);
        }
        seen.insert(ty, most + 1);
        (most < DEPTH_MAX).then_some(most + 1)
    }

    /// Whether a type has more levels than are allowed.
    pub fn too_deep(&self, ty: Ty) -> bool {
        self.levels(ty, None, 0, &mut HashMap::new()).is_none()
    }

    /// Makes two types one.
    ///
    /// # Errors
    /// If they cannot be; what was made equal on the way stays so.
    pub fn unify(&mut self, a: Ty, b: Ty) -> Result<(), Conflict> {
        self.unify_in(a, b, 0)
    }

    fn unify_in(&mut self, a: Ty, b: Ty, above: u32) -> Result<(), Conflict> {
        let (a, b) = (self.find(a), self.find(b));
        if a == b || self.equal.contains(&(a, b)) {
            return Ok(());
        }
        // Variables that were bound inside of a type may have made it deeper than any was.
        if above > DEPTH_MAX {
            return Err(Conflict::Infinite);
        }
        let (a_kind, b_kind) = (self.kind(a).clone(), self.kind(b).clone());
        match (a_kind, b_kind) {
            (Kind::Var(var), _) => return self.bind(var, a, b),
            (_, Kind::Var(var)) => return self.bind(var, b, a),
            (Kind::Error, _) | (_, Kind::Error) => return Ok(()),
            (Kind::Array(a), Kind::Array(b)) | (Kind::Optional(a), Kind::Optional(b)) => {
                self.unify_in(a, b, above + 1)?;
            }
            (Kind::Map(a_key, a_value), Kind::Map(b_key, b_value)) => {
                self.unify_in(a_key, b_key, above + 1)?;
                self.unify_in(a_value, b_value, above + 1)?;
            }
            (Kind::Fn(a_params, a_result), Kind::Fn(b_params, b_result))
                if a_params.len() == b_params.len() =>
            {
                for (a, b) in a_params.into_iter().zip(b_params) {
                    self.unify_in(a, b, above + 1)?;
                }
                self.unify_in(a_result, b_result, above + 1)?;
            }
            _ => return Err(Conflict::Different),
        }
        self.equal.insert((a, b));
        Ok(())
    }

    fn bind(&mut self, var: u32, this: Ty, ty: Ty) -> Result<(), Conflict> {
        if ty == Ty::NEVER {
            return Err(Conflict::Different);
        }
        if self
            .levels(ty, Some(this), 0, &mut HashMap::new())
            .is_none()
        {
            return Err(Conflict::Infinite);
        }
        self.bound[var as usize] = Some(ty);
        Ok(())
    }

    /// The type with all variables replaced by what they stand for; unknown ones become errors.
    pub fn resolve(&mut self, ty: Ty) -> Ty {
        self.resolve_deep(ty, &mut HashMap::new(), 0)
    }

    fn resolve_deep(&mut self, ty: Ty, done: &mut HashMap<Ty, Ty>, depth: u32) -> Ty {
        let ty = self.find(ty);
        if let Some(&known) = done.get(&ty) {
            return known;
        }
        // Variables that were bound inside of a type may have made it deeper than any was.
        if depth > DEPTH_MAX {
            return Ty::ERROR;
        }
        let mut of = |types: &mut Types, ty| types.resolve_deep(ty, done, depth + 1);
        let kind = match self.kind(ty).clone() {
            Kind::Var(_) => return Ty::ERROR,
            Kind::Array(item) => Kind::Array(of(self, item)),
            Kind::Optional(inner) => Kind::Optional(of(self, inner)),
            Kind::Map(key, value) => Kind::Map(of(self, key), of(self, value)),
            Kind::Fn(params, result) => {
                let params = params.into_iter().map(|param| of(self, param)).collect();
                Kind::Fn(params, of(self, result))
            }
            other => other,
        };
        let resolved = self.add(kind);
        done.insert(ty, resolved);
        resolved
    }

    /// A part of a type that is not known yet, if there is one.
    pub fn unknown_part(&self, ty: Ty) -> Option<Ty> {
        let mut seen = HashSet::new();
        let mut open = vec![ty];
        while let Some(ty) = open.pop() {
            let ty = self.find(ty);
            if matches!(self.kind(ty), Kind::Var(_)) {
                return Some(ty);
            }
            if seen.insert(ty) {
                open.extend(self.parts(ty));
            }
        }
        None
    }

    /// The type for people; `name` gives the names of structs (false) and enums (true).
    pub fn show(&self, ty: Ty, name: &dyn Fn(bool, u32) -> String) -> String {
        let mut text = String::new();
        self.show_in(ty, name, SHOWN_DEPTH_MAX, &mut text);
        text
    }

    fn show_in(&self, ty: Ty, name: &dyn Fn(bool, u32) -> String, depth: u32, text: &mut String) {
        const LEN_MAX: usize = 200;
        if depth == 0 || text.len() > LEN_MAX {
            text.push_str("...");
            return;
        }
        let next = depth - 1;
        match self.kind(ty) {
            Kind::Error | Kind::Var(_) => text.push('_'),
            Kind::Void => text.push_str("no value"),
            Kind::Never => text.push_str("never"),
            Kind::Int => text.push_str("int"),
            Kind::Float => text.push_str("float"),
            Kind::Bool => text.push_str("bool"),
            Kind::Str => text.push_str("string"),
            Kind::Array(item) => {
                text.push_str("array<");
                self.show_in(*item, name, next, text);
                text.push('>');
            }
            Kind::Map(key, value) => {
                text.push_str("map<");
                self.show_in(*key, name, next, text);
                text.push_str(", ");
                self.show_in(*value, name, next, text);
                text.push('>');
            }
            Kind::Optional(inner) => {
                let function = matches!(self.kind(*inner), Kind::Fn(..));
                text.push_str(if function { "(" } else { "" });
                self.show_in(*inner, name, next, text);
                text.push_str(if function { ")?" } else { "?" });
            }
            Kind::Fn(params, result) => {
                text.push_str("fn(");
                for (i, param) in params.iter().enumerate() {
                    text.push_str(if i > 0 { ", " } else { "" });
                    self.show_in(*param, name, next, text);
                }
                text.push(')');
                if *self.kind(*result) != Kind::Void {
                    text.push_str(" -> ");
                    self.show_in(*result, name, next, text);
                }
            }
            Kind::Struct(number) => text.push_str(&name(false, *number)),
            Kind::Enum(number) => text.push_str(&name(true, *number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_do_not_contain_themselves() {
        let mut types = Types::default();
        let var = types.var();
        let array = types.add(Kind::Array(var));
        assert_eq!(types.unify(var, array), Err(Conflict::Infinite));
        types.unify(var, Ty::INT).unwrap();
        assert_eq!(types.resolve(array), types.add(Kind::Array(Ty::INT)));
    }

    #[test]
    fn what_never_gives_a_value_is_no_part_of_types() {
        let mut types = Types::default();
        let var = types.var();
        assert_eq!(types.unify(var, Ty::NEVER), Err(Conflict::Different));
        assert_eq!(types.unify(Ty::NEVER, Ty::INT), Err(Conflict::Different));
        assert_eq!(types.unify(Ty::INT, Ty::NEVER), Err(Conflict::Different));
        assert_eq!(types.unify(Ty::NEVER, Ty::NEVER), Ok(()));
    }

    #[test]
    fn types_that_double_are_compared_in_linear_time() {
        let mut types = Types::default();
        let mut pair = [Ty::INT, Ty::INT];
        for i in 0..90 {
            // Two chains that are different nodes until they are unified.
            pair = pair.map(|ty| {
                let (a, b) = (types.var(), types.var());
                types.unify(a, ty).unwrap();
                types.unify(b, ty).unwrap();
                types.add(Kind::Fn(vec![a, b], a))
            });
            assert!(!types.too_deep(pair[0]), "level {i}");
        }
        types.unify(pair[0], pair[1]).unwrap();
        let resolved = types.resolve(pair[0]);
        assert_eq!(resolved, types.resolve(pair[1]));
        assert_eq!(types.unknown_part(resolved), None);
        assert!(types.show(resolved, &|_, _| String::new()).len() < 3000);
    }

    #[test]
    fn types_cannot_get_too_deep() {
        let mut types = Types::default();
        let mut ty = types.var();
        let mut result = Ok(());
        for _ in 0..DEPTH_MAX + 1 {
            let outer = types.var();
            let array = types.add(Kind::Array(ty));
            result = types.unify(outer, array);
            if result.is_err() {
                break;
            }
            ty = outer;
        }
        assert_eq!(result, Err(Conflict::Infinite));
    }
}
