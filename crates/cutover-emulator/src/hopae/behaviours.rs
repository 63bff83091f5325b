//! One declaration per switch: its type, its values and the citation stay together and cannot drift apart.

/// Declares a model's switches: an enum for each, `SWITCHES` for the whole list, and `Settings` with the present values.
///
/// The first value of a switch is its default.
macro_rules! behaviours {
    ($(
        $(#[$doc:meta])*
        $field:ident: $kind:ident { $first:ident = $first_name:literal $(, $variant:ident = $name:literal)* $(,)? }
        $citation:literal;
    )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub(super) enum $kind {
                #[default]
                $first,
                $($variant),*
            }

            impl $kind {
                const NAMED: &'static [(Self, &'static str)] =
                    &[(Self::$first, $first_name) $(, (Self::$variant, $name))*];
            }
        )+

        /// The present value of every switch.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Settings {
            $(pub(super) $field: $kind),+
        }

        /// Every switch, with what it stems from.
        pub(super) const SWITCHES: &[$crate::model::Switch] = &[
            $($crate::model::Switch {
                name: stringify!($field),
                values: &[$first_name $(, $name)*],
                citation: $citation,
            }),+
        ];

        impl Settings {
            /// The value of the switch `name` as text.
            pub(super) fn value(&self, name: &str) -> Option<&'static str> {
                $(if name == stringify!($field) {
                    return $kind::NAMED.iter().find(|(kind, _)| *kind == self.$field).map(|(_, name)| *name);
                })+
                None
            }

            /// Sets the switch `name`; `false` when there is none, or it has no such value.
            pub(super) fn set(&mut self, name: &str, value: &str) -> bool {
                $(if name == stringify!($field) {
                    let found = $kind::NAMED.iter().find(|(_, name)| *name == value);
                    return found.map(|(kind, _)| self.$field = *kind).is_some();
                })+
                false
            }
        }
    };
}

pub(crate) use behaviours;
