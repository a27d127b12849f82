//! How a setting is read from the text of a flag, and checked.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::choices::{Counts, Dialect, FilterStage, HintMode, HostileOn, LimitScope, QuotaCode, SlotUse, WindowKind};
use crate::distribution::{CapSchedule, Distribution};
use crate::intermediary::forms::{Base64Form, ErrorForm, PictureAddress, StoreStatus, TaskForm};

/// A type that a setting can have: read from a flag's text, and checked.
pub(crate) trait Field: DeserializeOwned {
    /// Reads the text of a command-line flag.
    fn from_flag(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_value(Value::String(text.to_owned()))
    }

    /// What is wrong with the value, if anything.
    fn fault(&self) -> Option<&'static str> {
        None
    }
}

macro_rules! plain {
    ($($type:ty),+) => { $(impl Field for $type {
        fn from_flag(text: &str) -> Result<Self, serde_json::Error> {
            serde_json::from_str(text)
        }
    })+ };
}

plain!(u64, u32, i64, bool);

impl Field for String {}
impl Field for Dialect {}
impl Field for Counts {}
impl Field for SlotUse {}
impl Field for WindowKind {}
impl Field for LimitScope {}
impl Field for HostileOn {}
impl Field for FilterStage {}
impl Field for QuotaCode {}
impl Field for HintMode {}
impl Field for Distribution {}
impl Field for CapSchedule {}
impl Field for Base64Form {}
impl Field for PictureAddress {}
impl Field for ErrorForm {}
impl Field for TaskForm {}
impl Field for StoreStatus {}

/// A probability, 0 to 1.
impl Field for f64 {
    fn from_flag(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    fn fault(&self) -> Option<&'static str> {
        (!(0.0..=1.0).contains(self)).then_some("a probability is 0 to 1")
    }
}

impl<T: Field> Field for Option<T> {
    fn from_flag(text: &str) -> Result<Self, serde_json::Error> {
        if text == "none" { Ok(None) } else { T::from_flag(text).map(Some) }
    }
}

impl Field for Vec<String> {
    fn from_flag(text: &str) -> Result<Self, serde_json::Error> {
        Ok(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }
}
