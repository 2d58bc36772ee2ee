//! Reviews that are cut off at any byte.

use admission::Hook;

use crate::{
    bad_input::seeds::{HOOKS, Verdict, seeds, server, uid, verdict},
    reviews::objects::{Ask, object},
};

#[test]
fn no_part_of_a_review_is_allowed() {
    let server = server();
    let mut bodies: Vec<_> = seeds().into_iter().filter(|(_, text)| text.len() < 1000).collect();
    for operation in ["DELETE", "CONNECT"] {
        let ask =
            Ask { operation: operation.to_owned(), old_object: object("good"), ..Ask::default() };
        bodies.push((operation.to_owned(), ask.text()));
    }
    for resource in ["pods/status", "example.com/robots", "namespaces"] {
        let (resource, subresource) = match resource.split_once("pods/") {
            Some((_, subresource)) => ("pods", subresource),
            None => (resource, ""),
        };
        let ask = Ask {
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            ..Ask::pod(object("good"))
        };
        bodies.push((resource.to_owned(), ask.text()));
    }
    for (name, text) in bodies {
        let (text, whole) = (text.trim_end(), uid(text.as_bytes()).unwrap());
        for end in 0..text.len() {
            let part = text.as_bytes()[..end].to_vec();
            for hook in HOOKS {
                let reply = server.ask(hook, part.clone());
                // A review that is cut within its uid has another uid.
                let uid = (end > text.find(&whole).unwrap() + whole.len()).then_some(&*whole);
                let verdict = verdict(&reply, uid);
                assert!(verdict != Verdict::Allowed, "{name} up to byte {end}");
            }
        }
    }
}

#[test]
fn a_whole_one_is_judged() {
    let text = Ask::pod(object("good")).text();
    let reply = server().ask(Hook::Validate, text.trim_end().to_owned());
    assert_eq!(verdict(&reply, None), Verdict::Allowed);
}
