//! Limits on what aliases and merge keys can insert.

use std::ops::Range;

use super::{
    super::{MAX_DEPTH, MAX_REPEATED},
    Builder, Id, NoTree, NodeKind, Raw, Tag, WRONG_KEY, too_deep,
};

/// The node of an anchor.
pub(super) struct Anchor {
    pub(super) id: Id,
    /// None for a collection that is not closed yet.
    pub(super) extent: Option<NodeSize>,
}

/// The size of a node, with aliases resolved.
#[derive(Clone, Copy)]
pub(super) struct NodeSize {
    /// The number of values; a long text counts as several.
    pub(super) size: usize,
    /// The depth of nesting.
    pub(super) height: usize,
}

impl Builder<'_> {
    /// Checks that a merge key inserts mappings.
    pub(super) fn can_merge(&self, id: Id) -> Result<(), NoTree> {
        let is_map = |id: &Id| matches!(self.resolved(*id).kind, NodeKind::Map(_));
        let own = self.children_of(self.node(id));
        for entry in own.chunks_exact(2) {
            let [key, value] = entry else { continue };
            let source = self.resolved(*value);
            let is_merge = self.node(*key).may_merge() && self.read(*key) == "<<";
            let are_maps = matches!(source.kind, NodeKind::List(_))
                && self.children_of(source).iter().all(is_map);
            if is_merge && !is_map(value) && !are_maps {
                let why = "a merge key (<<) needs a mapping or a list of mappings";
                return Err(NoTree::at(self.node(*key).start as usize, why));
            }
        }
        Ok(())
    }

    pub(super) fn alias(&mut self, anchor: usize, at: &Range<usize>) -> Result<(), NoTree> {
        let at = self.offset + at.start..self.offset + at.end;
        let wrong = |why: &str| Err(NoTree::at(at.start, why));
        let Some(Anchor { id: target, extent }) = self.anchors.get(&anchor) else {
            return wrong("an alias of no anchor");
        };
        let (target, Some(extent)) = (*target, *extent) else {
            return wrong("an alias inside its own anchor");
        };
        self.repeated += extent.size;
        if self.repeated > MAX_REPEATED {
            return wrong("aliases repeat more than any manifest needs");
        }
        if self.open.len() + extent.height > MAX_DEPTH {
            return Err(too_deep(at.start));
        }
        let key = match (self.is_key(), self.node(target)) {
            (false, _) => None,
            (true, Raw { kind: NodeKind::Scalar(quotes), tag, .. }) => {
                let value = self.read(target).to_owned();
                Some(self.key(&value, quotes, tag, at.start)?.into_owned())
            }
            (true, _) => return wrong(WRONG_KEY),
        };
        let id = self.push(NodeKind::Alias, (0, Tag::None), &at)?;
        self.decoded.extend(key.map(|key| (id, key.into())));
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.children = (target.0, target.0);
        }
        self.uses.entry(target).or_default().push(id);
        self.complete(id, 0, extent)
    }
}
