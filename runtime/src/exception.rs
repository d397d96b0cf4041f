//! Exceptions and their tags, seen by the embedder.

use std::fmt;

use dotvm_isa::{ExternKind, FuncType};

use crate::backtrace::Backtrace;
use crate::context::{AsContext, AsContextMut};
use crate::engine::TypeIds;
use crate::error::{Error, Result};
use crate::host::check_narrow;
use crate::store::{StoreId, StoreOpaque};
use crate::value::Val;

/// What tells exceptions apart: a tag, which says what values they have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tag {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// A tag of a store.
#[derive(Debug)]
pub(crate) struct TagData {
    /// Its parameters are the values.
    pub(crate) ty: FuncType,
    pub(crate) origin: TagOrigin,
}

/// Who made a tag.
#[derive(Debug)]
pub(crate) enum TagOrigin {
    /// An instance: its number, and the tag's index there.
    Instance(u32, u32),
    /// The embedder.
    Host(TypeIds),
}

impl TagData {
    /// The engine's number of its type.
    pub(crate) fn type_id(&self, store: &StoreOpaque) -> u32 {
        match &self.origin {
            TagOrigin::Instance(instance, tag) => {
                let module = &store.instances[*instance as usize].module;
                module.type_ids()[module.env().spaces.tags[*tag as usize] as usize]
            }
            TagOrigin::Host(ids) => ids.ids()[0],
        }
    }
}

impl Tag {
    /// Makes a tag of exceptions with values of the types that `ty` has as parameters.
    ///
    /// # Errors
    /// Where it has results.
    pub fn new(mut store: impl AsContextMut, ty: FuncType) -> Result<Tag> {
        let store = store.as_context_mut().opaque();
        if !ty.results.is_empty() {
            return Err(Error::Usage(format!("a tag of type {ty}")));
        }
        let origin = TagOrigin::Host(store.engine.register_one(&ty));
        let index = store.new_tag(TagData { ty, origin });
        Ok(Tag {
            store: store.id,
            index,
        })
    }

    /// Its type.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = &store.as_context().0.opaque;
        store.check(self.store, "tag");
        store.tags[self.index as usize].ty.clone()
    }
}

/// A reference to an exception, which programs and embedders can keep and hand around. One that the
/// embedder has had lives as long as the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExnRef {
    pub(crate) store: StoreId,
    pub(crate) slot: u64,
}

impl ExnRef {
    /// A reference to the exception of a slot, which is not null.
    pub(crate) fn from_slot(store: &StoreOpaque, slot: u64) -> ExnRef {
        store.exceptions.keep(slot);
        ExnRef {
            store: store.id,
            slot,
        }
    }
}

/// An exception that left a program: nothing in it caught it, up to the embedder's call. A host function
/// that returns it as its error throws it on.
#[derive(Clone, Debug)]
pub struct Exception(Box<Detail>);

#[derive(Clone, Debug)]
struct Detail {
    tag: Tag,
    name: Option<String>,
    values: Vec<Val>,
    backtrace: Backtrace,
}

impl Exception {
    /// An exception for a host function to throw.
    ///
    /// # Errors
    /// Where the values are not of the tag's types.
    ///
    /// # Panics
    /// Where the tag is another store's.
    pub fn new(
        store: impl AsContext,
        tag: Tag,
        values: impl IntoIterator<Item = Val>,
    ) -> Result<Exception> {
        let store = &store.as_context().0.opaque;
        store.check(tag.store, "tag");
        let values: Vec<Val> = values.into_iter().collect();
        let ty = &store.tags[tag.index as usize].ty;
        if !values.iter().map(Val::ty).eq(ty.params.iter().copied()) {
            let list: Vec<&str> = values.iter().map(|value| value.ty().name()).collect();
            let list = list.join(" ");
            return Err(Error::Usage(format!(
                "an exception of type {ty} with ({list})"
            )));
        }
        check_narrow(&values, |i| ty.narrow_param(i), "value", store)?;
        let backtrace = Backtrace::default();
        Ok(Exception::thrown(store, tag.index, values, backtrace))
    }

    /// An exception that was thrown.
    pub(crate) fn thrown(
        store: &StoreOpaque,
        tag: u32,
        values: Vec<Val>,
        backtrace: Backtrace,
    ) -> Exception {
        Exception(Box::new(Detail {
            tag: Tag {
                store: store.id,
                index: tag,
            },
            name: tag_name(store, tag),
            values,
            backtrace,
        }))
    }

    /// Its tag.
    pub fn tag(&self) -> Tag {
        self.0.tag
    }

    /// The name under which the module that defines its tag exports it.
    pub fn tag_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Its values.
    pub fn values(&self) -> &[Val] {
        &self.0.values
    }

    /// Where it was thrown first.
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.backtrace
    }

    /// Says where it was thrown, where that was not known yet.
    pub(crate) fn or_backtrace(&mut self, capture: impl FnOnce() -> Backtrace) {
        if self.0.backtrace.is_empty() {
            self.0.backtrace = capture();
        }
    }
}

fn tag_name(store: &StoreOpaque, tag: u32) -> Option<String> {
    let TagOrigin::Instance(instance, index) = store.tags[tag as usize].origin else {
        return None;
    };
    let module = store.instances[instance as usize].module.bytecode();
    let mut exports = module.exports.iter();
    let export = exports.find(|it| it.kind == ExternKind::Tag && it.index == index)?;
    Some(export.name.clone())
}

/// `uncaught exception: name (1 2)`, and the backtrace.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("uncaught exception")?;
        if let Some(name) = self.tag_name() {
            write!(f, ": {}", name.escape_debug())?;
        }
        for (i, value) in self.values().iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { " " })?;
            value.fmt(f)?;
        }
        if !self.values().is_empty() {
            f.write_str(")")?;
        }
        self.backtrace().fmt_after(f)
    }
}

impl std::error::Error for Exception {}
