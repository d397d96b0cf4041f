//! Values as text: a function for each type that is not simple.

use super::runtime::Items;
use super::session::bytes;
use super::{Lowerer, Rep};
use crate::vitbc::module::{Row, Ty};

impl Lowerer<'_> {
    /// The function that puts the text of a value of a type to what is put together; strings inside of
    /// other values are in quotes.
    pub(super) fn shown(&mut self, ty: Ty, quoted: bool) -> String {
        let simple = match ty {
            Ty::INT => Some("out.int"),
            Ty::FLOAT => Some("out.float"),
            Ty::BOOL => Some("out.bool"),
            Ty::STR if quoted => Some("out.quoted"),
            Ty::STR => Some("out.str"),
            _ => None,
        };
        if let Some(name) = simple {
            return name.to_owned();
        }
        let mut name = format!("show.{}{}", ty.0, if quoted { "q" } else { "" });
        if self.depth > 0 {
            name.push_str(&format!(".{}", self.depth));
        }
        if self.runtime.has(&name) {
            return name;
        }
        let text = match self.module.row(ty).cloned() {
            Some(Row::Optional(inner)) => self.show_optional(&name, inner, quoted),
            Some(Row::Array(item)) => self.show_array(&name, item),
            Some(Row::Map(key, value)) => self.show_map(&name, key, value),
            Some(Row::Struct(own, fields)) => self.show_struct(&name, ty, &own, &fields),
            Some(Row::Enum(own, variants)) => self.show_enum(&name, ty, &own, &variants),
            Some(Row::Fn(..)) => format!("{name} (anyref $value)\n{}\nreturn", bytes("fn")),
            None => unreachable!("types are verified"),
        };
        self.runtime.add(&name, text);
        name
    }

    fn show_optional(&mut self, name: &str, inner: Ty, quoted: bool) -> String {
        let show = self.shown(inner, quoted);
        let value = match self.rep(inner) {
            Rep::Int => "(struct.get:$bi:0 $value)",
            Rep::Float => "(struct.get:$bf:0 $value)",
            Rep::Small => "(i31.get_u $value)",
            Rep::Ref => "$value",
        };
        format!(
            "{name} (anyref $value)
            if (ref.is_null $value)
                ($out.null)
                return
            end
            (${show} {value})
            return"
        )
    }

    /// Pushes the element of an object.
    fn element(items: Items, object: &str, index: &str) -> String {
        let (get, array) = match items {
            Items::Int => ("array.get", "$a64"),
            Items::Float => ("array.get", "$af"),
            Items::Bool => ("array.get_u", "$a8"),
            Items::Plain => ("array.get", "$a32"),
            Items::Ref => ("array.get", "$ar"),
        };
        format!("({get}:{array} {object} {index})")
    }

    fn show_array(&mut self, name: &str, item: Ty) -> String {
        let show = self.shown(item, true);
        let element = Lowerer::element(self.items(item), "(struct.get:$vec:1 $value)", "$i");
        format!(
            "{name} (anyref $value)
            .local i32 $i
            ($out.byte 91)
            while (i32.lt_u $i (struct.get:$vec:0 $value))
                if $i
                    ($out.byte 44)
                    ($out.byte 32)
                end
                (${show} {element})
                set $i (i32.add $i 1)
            end
            ($out.byte 93)
            return"
        )
    }

    fn show_map(&mut self, name: &str, key: Ty, value: Ty) -> String {
        let show_key = self.shown(key, true);
        let show = self.shown(value, true);
        let key = Lowerer::element(self.items(key), "(struct.get:$map:3 $value)", "$i");
        let element = Lowerer::element(self.items(value), "(struct.get:$map:4 $value)", "$i");
        format!(
            "{name} (anyref $value)
            .local i32 $i $more
            ($out.byte 123)
            while (i32.lt_u $i (struct.get:$map:1 $value))
                if (array.get:$a32 (struct.get:$map:5 $value) $i)
                    if $more
                        ($out.byte 44)
                        ($out.byte 32)
                    end
                    set $more 1
                    (${show_key} {key})
                    ($out.byte 58)
                    ($out.byte 32)
                    (${show} {element})
                end
                set $i (i32.add $i 1)
            end
            ($out.byte 125)
            return"
        )
    }
}
