//! Which source of the workspace an arrival belongs to: the matching one of the highest priority
//! (comagic-cabinet.md 2.4).

use super::Matched;
use super::conditions::Compiled;
use super::view::Facts;
use crate::model::{Source, SourceId};
use std::collections::HashMap;

/// All sources of a workspace, ready for comparing.
#[derive(Debug, Default)]
pub struct Sources {
    /// The higher priority first; of equal ones the older.
    all: Vec<(Source, Compiled)>,
    by_id: HashMap<SourceId, usize>,
}

impl Sources {
    pub fn compile(mut sources: Vec<Source>) -> Sources {
        sources.sort_by_key(|source| (std::cmp::Reverse(source.priority), source.id));
        let mut compiled = Sources::default();
        for (place, source) in sources.into_iter().enumerate() {
            compiled.by_id.insert(source.id, place);
            let conditions = Compiled::new(&source.conditions);
            compiled.all.push((source, conditions));
        }
        compiled
    }

    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.by_id.get(&id).map(|&place| &self.all[place].0)
    }

    pub fn best(&self, facts: &Facts) -> Option<Matched<SourceId>> {
        self.all.iter().find_map(|(source, conditions)| {
            let hit = conditions.matched(facts)?;
            Some(Matched::new(source.id, &source.name, hit))
        })
    }
}
