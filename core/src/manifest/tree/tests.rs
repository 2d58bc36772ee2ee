//! Trees of awkward texts, and both ways to one held against each other.

use super::*;

/// What is plain has the tree that it has as any YAML.
pub(in crate::manifest) fn same(text: &str) {
    let slow = Tree::parse_all(text, text, 0).unwrap();
    let tree = tree(text);
    let open = |node: &Raw| (node.kind, node.start..node.end, node.children);
    let words = |tree: &Tree<'_>| {
        let ids = (0_u32..).map(Id).take(tree.nodes.len()).map(|id| Node { tree, id });
        ids.map(|node| (format!("{:?}", open(&node.raw())), node.source().to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&tree), words(&slow), "{text}");
    assert_eq!((&tree.children, tree.root), (&slow.children, slow.root), "{text}");
    assert_eq!(tree.keys, slow.keys, "{text}");
}

fn tree(text: &str) -> Tree<'_> {
    Tree::parse(text, 0..text.len()).unwrap()
}

/// What stands at a path, in the source's own words.
fn at<'t>(tree: &'t Tree<'_>, path: &str) -> &'t str {
    let path = Path::of(path);
    let found = tree.find(&path);
    assert_eq!(found.missing, [], "{path}");
    found.last().unwrap().node.source()
}

#[test]
fn every_node_knows_where_it_stands() {
    let text = "# a pod\nkind: Pod # yes\nmetadata: {name: 'a b', \"x\\ny\": [1, {z: 2}]}\nspec:\n  containers:\n  - name: a\n    args:\n      - |\n        one\n\n    # none\n\n  - image: b\n    tty:\n  # end\n";
    let tree = tree(text);
    for (path, source) in [
        ("kind", "Pod"),
        ("metadata.name", "'a b'"),
        ("metadata[x\ny][1].z", "2"),
        ("metadata[x\ny]", "[1, {z: 2}]"),
        ("metadata", "{name: 'a b', \"x\\ny\": [1, {z: 2}]}"),
        ("spec.containers[0].args[0]", "one"),
        ("spec.containers[0]", "name: a\n    args:\n      - |\n        one"),
        ("spec.containers[1]", "image: b\n    tty"),
        ("spec.containers[1].tty", ""),
    ] {
        assert_eq!(at(&tree, path), source, "{path}");
    }
    assert!(at(&tree, "spec.containers").starts_with("- name: a"));
    assert!(at(&tree, "").ends_with("tty"));
}

#[test]
fn what_is_missing_is_told_from_the_deepest_that_is_there() {
    let tree = tree("spec:\n  containers:\n  - name: a\n");
    let path = Path::of("spec.containers[0].securityContext.capabilities");
    let found = tree.find(&path);
    assert_eq!(found.last().unwrap().node.source(), "name: a");
    assert_eq!(found.missing, Path::of("securityContext.capabilities").steps());
    assert_eq!(found.trail.len(), 4);
    let path = Path::of("spec.containers[1].name");
    assert_eq!(tree.find(&path).missing.len(), 2);
}

#[test]
fn offsets_are_those_of_the_source() {
    let text = "\u{feff}a: 1\n---\nä: ü\nb: {c: 1}\n";
    let start = text.find("---").unwrap() + 3;
    let tree = Tree::parse(text, start..text.len()).unwrap();
    assert_eq!(at(&tree, "ä"), "ü");
    assert_eq!(at(&tree, "b.c"), "1");
    assert_eq!(tree.root().span().start, text.find('ä').unwrap());
}

#[test]
fn json_is_a_tree_too() {
    let text = "{\n\t\"a\\/b\": {\"c\": [true, null]},\n\t\"\\ud83d\\ude00\": \"\\u00e4\"\n}\n";
    let tree = tree(text);
    assert_eq!(at(&tree, "[a/b].c[0]"), "true");
    assert_eq!(at(&tree, "\u{1f600}"), "\"\\u00e4\"");
    assert_eq!(tree.root().kind(), Kind::Map(Style::Flow));
}

#[test]
fn ways_through_aliases_and_merge_keys_say_so() {
    let text = "x: &x {a: 1}\ny: *x\nz:\n  <<: *x\n  b: 2\nw:\n  <<: [{c: 3}, *x]\n";
    let tree = tree(text);
    let through = |path: &str| {
        let path = Path::of(path);
        let found = tree.find(&path);
        assert_eq!(found.missing, [], "{path}");
        let stop = found.last().unwrap();
        (stop.node.source().to_owned(), stop.through.map(|node| node.source().to_owned()))
    };
    let told = |node: &str, through: &str| (node.to_owned(), Some(through.to_owned()));
    assert_eq!(through("x.a"), ("1".to_owned(), None));
    assert_eq!(through("y.a"), told("1", "*x"));
    assert_eq!(through("z.a"), told("1", "<<"));
    assert_eq!(through("z.b"), ("2".to_owned(), None));
    assert_eq!(through("w.c"), told("3", "<<"));
    assert_eq!(through("w.a"), told("1", "<<"));
    let path = Path::of("x");
    let uses: Vec<_> = tree.find(&path).last().unwrap().node.uses().collect();
    assert_eq!(uses.len(), 3);
    assert!(tree.has_aliases());
}

#[test]
fn what_holds_itself_ends() {
    let tree = tree("a: &a\n  <<: *a\n  b: *a\n");
    assert_eq!(tree.find(&Path::of("a.b.b.b.c")).missing.len(), 1);
    assert_eq!(tree.find(&Path::of("a.c")).missing.len(), 1);
}

#[test]
fn blank_lines_are_a_scalars_only_where_it_keeps_them() {
    for (text, end) in [
        ("a: |\n  x\n\n\nb: 1\n", "a: |\n  x"),
        ("a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n\n"),
        ("a: |-\n  x\n\n# c\nb: 1\n", "a: |-\n  x"),
        ("a: >+\n  x\n\n", "a: >+\n  x\n\n"),
        ("a: |\n  x\n   \n\nb: 1\n", "a: |\n  x\n   \n\n"),
        ("a: |\n\nb: 1\n", "a"),
        ("a: |\n  x", "a: |\n  x"),
    ] {
        let tree = tree(text);
        let (_, value) = tree.root().get("a").unwrap();
        assert_eq!(&text[..value.span().end], end, "{text:?}");
    }
}

#[test]
fn no_tree_of_what_is_no_document_or_too_deep() {
    let error = |text: &str| Tree::parse(text, 0..text.len()).unwrap_err();
    assert_eq!(error("# nothing\n").why, "there is no document");
    assert_eq!(error("a: 1\n b: 2\n").byte, 7);
    assert_eq!(error("a: *b\n").byte, 3);
    error(&"[".repeat(MAX_DEPTH + 1));
    error(&"- ".repeat(MAX_DEPTH + 1));
}
