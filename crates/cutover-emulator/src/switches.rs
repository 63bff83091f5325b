//! A vendor's switches: what its documents leave open, and what was chosen.
//!
//! [`behaviours!`] declares all switches of one vendor. Type, values, default and citation of a switch stand in one place
//! and cannot drift apart.

use std::borrow::Cow;

/// The values of one switch.
pub(crate) trait Choice: Default {
    /// The values by name, the default first; a name such as `0s..60s` stands for a range.
    const VALUES: &'static [&'static str];

    /// The name of this value.
    fn name(&self) -> Cow<'static, str>;

    /// The value of that name.
    fn named(name: &str) -> Option<Self>;
}

/// Declares the switches of a vendor: an enum for each, `SWITCHES` for the whole list, `Settings` for the present values.
///
/// A switch whose values cannot be listed names a type of its own, which implements [`Choice`], and no values.
macro_rules! behaviours {
    (
        $vendor:literal;
        $(
            $(#[doc = $about:literal])+
            $field:ident: $kind:ident $({ $first:ident = $first_name:literal $(, $value:ident = $name:literal)* $(,)? })?
            $citation:literal;
        )+
    ) => {
        $($(
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub(super) enum $kind {
                #[default]
                $first,
                $($value),*
            }

            impl $crate::switches::Choice for $kind {
                const VALUES: &'static [&'static str] = &[$first_name $(, $name)*];

                fn name(&self) -> std::borrow::Cow<'static, str> {
                    std::borrow::Cow::Borrowed(match self {
                        Self::$first => $first_name,
                        $(Self::$value => $name),*
                    })
                }

                fn named(name: &str) -> Option<Self> {
                    match name {
                        $first_name => Some(Self::$first),
                        $($name => Some(Self::$value),)*
                        _ => None,
                    }
                }
            }
        )?)+

        /// The present value of every switch.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Settings {
            $($(#[doc = $about])+ pub(super) $field: $kind),+
        }

        /// Every switch, with what it stems from.
        pub(super) const SWITCHES: &[$crate::model::Switch] = &[
            $($crate::model::Switch {
                name: stringify!($field),
                about: concat!($($about),+).trim_ascii(),
                values: <$kind as $crate::switches::Choice>::VALUES,
                citation: $citation,
            }),+
        ];

        impl Settings {
            /// The present value of the switch `name`.
            pub(super) fn value(&self, name: &str) -> Option<String> {
                $(if name == stringify!($field) {
                    return Some($crate::switches::Choice::name(&self.$field).into_owned());
                })+
                None
            }

            /// Sets the switch `name`; an error when there is none, or it has no such value.
            pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), $crate::model::UnknownBehaviour> {
                let unknown = || $crate::model::UnknownBehaviour::new($vendor, name, value, SWITCHES);
                $(if name == stringify!($field) {
                    self.$field = $crate::switches::Choice::named(value).ok_or_else(unknown)?;
                    return Ok(());
                })+
                Err(unknown())
            }
        }
    };
}

pub(crate) use behaviours;
