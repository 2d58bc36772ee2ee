//! A page of a list: its text, and the position of each object. Nothing is decoded here.

use std::ops::Range;

use crate::cluster::List;

#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    items: Vec<Range<usize>>,
    /// The continue token of the next page.
    pub(crate) token: Option<String>,
    /// Number of objects to come, if the API server reports it.
    pub(crate) remaining: Option<u64>,
}

impl Page {
    /// Parses a list.
    ///
    /// # Errors
    /// Invalid JSON.
    pub(crate) fn read(text: String) -> Result<Self, String> {
        let list: List<'_> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let next = list.metadata.clone();
        let start = text.as_ptr().addr();
        let items = list.into_items().map(|item| {
            let at = item.as_ptr().addr() - start;
            at..at + item.len()
        });
        let items = items.collect();
        let (remaining, token) = (next.remaining_item_count, next.token());
        Ok(Self { text, items, token, remaining })
    }

    /// The JSON of each object.
    pub(crate) fn items(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|range| self.text.get(range.clone()))
    }

    /// The size of the page in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The number of objects.
    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_cut_out_as_they_stand() {
        let text = r#"{"kind":"PodList","metadata":{"continue":"x","remainingItemCount":7},
            "items":[ {"a":"é\"}"} , {"b":[{}]}]}"#;
        let page = Page::read(text.to_owned()).unwrap();
        assert_eq!(page.items().collect::<Vec<_>>(), [r#"{"a":"é\"}"}"#, r#"{"b":[{}]}"#]);
        assert_eq!((page.token.as_deref(), page.remaining), (Some("x"), Some(7)));
        assert_eq!((page.count(), page.len()), (2, text.len()));
    }

    #[test]
    fn the_last_page_leads_nowhere() {
        for text in [r#"{"metadata":{"continue":""},"items":null}"#, r#"{"items":[]}"#, "{}"] {
            let page = Page::read(text.to_owned()).unwrap();
            assert_eq!((page.count(), page.token), (0, None), "{text}");
        }
        assert!(Page::read("<html>".to_owned()).is_err());
    }
}
