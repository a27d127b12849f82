//! What has been learned of each model of each provider.

use alloc::string::String;
use alloc::vec::Vec;

use super::Durations;
use crate::task::PartId;
use crate::time::Instant;

/// So many models are remembered; the one that was not used for longest goes.
const MOST: usize = 32;

/// A model of a provider.
#[derive(Debug)]
pub struct Model {
    /// The provider's place in the configuration.
    pub provider: usize,
    /// The provider's name for it.
    pub name: String,
    /// How long its tasks take.
    pub durations: Durations,
    /// The quickest image that was seen, ms from its submit: what fails sooner may have cost nothing.
    pub quickest: Option<u64>,
    /// The task that was accepted last.
    pub newest: PartId,
    /// When one was last asked after ahead of its time.
    pub early: Instant,
}

/// The models in use, the last used last.
#[derive(Debug, Default)]
pub struct Models {
    known: Vec<Model>,
}

impl Models {
    /// A model that is known.
    pub fn get(&self, provider: usize, name: &str) -> Option<&Model> {
        self.known.iter().find(|model| model.provider == provider && model.name == name)
    }

    /// A model, made at its first use.
    pub fn used(&mut self, provider: usize, name: &str) -> Option<&mut Model> {
        let place = self.known.iter().position(|model| model.provider == provider && model.name == name);
        let model = match place {
            Some(place) => self.known.remove(place),
            None => Model {
                provider,
                name: String::from(name),
                durations: Durations::default(),
                quickest: None,
                newest: PartId { task: 0, index: 0 },
                early: Instant::default(),
            },
        };
        if self.known.len() >= MOST {
            self.known.remove(0);
        }
        self.known.push(model);
        self.known.last_mut()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.known.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_apart_and_the_least_used_goes() {
        let mut models = Models::default();
        for nth in 0..MOST {
            models.used(0, &nth.to_string()).unwrap().durations = Durations::default();
        }
        models.used(0, "0").unwrap().early = Instant::from_millis(5);
        models.used(1, "0").unwrap();
        assert_eq!(models.iter().count(), MOST);
        assert!(models.get(0, "1").is_none() && models.get(0, "2").is_some());
        assert_eq!(models.get(0, "0").unwrap().early, Instant::from_millis(5));
        assert_eq!(models.get(1, "0").unwrap().early, Instant::default());
    }
}
