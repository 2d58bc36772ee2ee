use proptest::prelude::*;

use super::*;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn patterns(texts: &[&str]) -> ImagePatterns {
    let read = |text: &&str| {
        let text = text.replace("HEX", HEX);
        text.parse::<ImagePattern>().unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    texts.iter().map(read).collect()
}

/// As in rules: an invalid reference matches nothing.
fn matches(patterns: &ImagePatterns, image: &str) -> bool {
    let image = image.replace("HEX", HEX);
    Reference::parse(&image).is_ok_and(|image| patterns.match_image(&image))
}

#[test]
fn images_are_compared_part_by_part() {
    for (pattern, yes, no) in [
        (
            "agent:*",
            vec![
                "agent",
                "agent:1",
                "agent@sha256:HEX",
                "agent:1@sha256:HEX",
                "library/agent:1",
                "docker.io/library/agent:2",
                "docker.io/library/agent",
                "index.docker.io/library/agent:x",
                "DOCKER.IO/library/agent",
            ],
            vec![
                "agent:5000/evil/img:1",
                "agent:5000/agent",
                "agent/evil",
                "evil/agent:1",
                "registry.example/agent:1",
                "agents:1",
                "Agent:1",
                "agent:",
                "agent:1:2",
                "localhost/agent",
            ],
        ),
        ("nginx:*", vec!["docker.io/library/nginx:1.27", "nginx"], vec!["docker.io/nginx/nginx"]),
        (
            "nginx",
            vec!["nginx", "nginx:latest", "docker.io/library/nginx:latest"],
            vec!["nginx:1", "nginx:Latest", "nginx@sha256:HEX", "nginx:latest@sha256:HEX"],
        ),
        ("nginx:latest", vec!["nginx", "nginx:latest"], vec!["nginx:latest-1"]),
        (
            "nginx:1.*",
            vec!["nginx:1.27", "nginx:1."],
            // The digest determines the image, regardless of the tag.
            vec!["nginx:1", "nginx:2.1.", "nginx", "nginx:1.27@sha256:HEX", "nginx@sha256:HEX"],
        ),
        (
            "nginx@sha256:HEX",
            vec!["nginx@sha256:HEX", "nginx:evil@sha256:HEX", "docker.io/nginx@sha256:HEX"],
            vec!["nginx", "nginx:latest", "nginx@sha512:HEXHEX", "evil/nginx@sha256:HEX"],
        ),
        ("nginx@*", vec!["nginx@sha256:HEX", "nginx:1@sha512:HEXHEX"], vec!["nginx:1", "nginx"]),
        ("nginx:*@sha256:*", vec!["nginx@sha256:HEX", "nginx:1@sha256:HEX"], vec!["nginx:1"]),
        (
            "nginx:1.*@sha256:*",
            vec!["nginx:1.27@sha256:HEX"],
            vec!["nginx:1.27", "nginx@sha256:HEX", "nginx:2@sha256:HEX"],
        ),
        (
            "ghcr.io/acme/*",
            vec![
                "ghcr.io/acme/web",
                "ghcr.io/acme/web:1",
                "GHCR.io/acme/a/b@sha256:HEX",
                "ghcr.io/acme/web:1@sha256:HEX",
            ],
            vec![
                "ghcr.io/acme",
                "ghcr.io:443/acme/web",
                "ghcr.io.evil.example/acme/web",
                "evil.example/ghcr.io/acme/web",
                "acme/web",
            ],
        ),
        (
            "ghcr.io/acme/*:1",
            vec!["ghcr.io/acme/a/b:1"],
            vec!["ghcr.io/acme/a:2", "ghcr.io/acme/a"],
        ),
        ("GHCR.IO/acme/web:*", vec!["ghcr.io/acme/web:1"], vec!["ghcr.io/Acme/web:1"]),
        (
            "registry.example:*/ops/agent:*",
            vec!["registry.example:5000/ops/agent:4"],
            vec!["registry.example/ops/agent:4", "registry.example:5000/x/ops/agent:4"],
        ),
        (
            "*.acme.example/web:*",
            vec!["eu.acme.example/web:1", "a.b.acme.example/web"],
            vec![
                "acme.example/web",
                "eu.acme.example:5000/web",
                "evil.example/eu.acme.example/web",
            ],
        ),
        (
            "*/web:*",
            vec!["registry.example/web:1", "localhost:5000/web"],
            vec!["ghcr.io/acme/web", "acme/web"],
        ),
        ("*/library/web:1", vec!["web:1", "ghcr.io/library/web:1"], vec!["web:2"]),
        ("[::1]:5000/web:*", vec!["[::1]:5000/web:1"], vec!["[::1]/web:1", "[::1]:5001/web:1"]),
        ("[2001:DB8::1]/web", vec!["[2001:db8::1]/web"], vec!["[2001:db8::2]/web"]),
        ("localhost/web", vec!["localhost/web:latest"], vec!["localhost:5000/web", "web"]),
        ("acme/web-*:1", vec!["acme/web-a:1", "docker.io/acme/web-:1"], vec!["acme/web:1"]),
        ("Registry/acme/web", vec!["Registry/acme/web"], vec!["registry/acme/web"]),
        ("web*", vec!["web", "web-a:1", "library/web@sha256:HEX"], vec!["acme/web", "aweb"]),
        ("*", vec!["web", "a.b:5/c/d:1@sha256:HEX"], vec!["", "Web", "a b", "HEX"]),
    ] {
        let list = patterns(&[pattern]);
        for image in yes {
            // A name that ends in a dot or a dash only matters if it is a valid reference.
            if Reference::parse(&image.replace("HEX", HEX)).is_ok() {
                assert!(matches(&list, image), "{pattern} {image}");
            }
        }
        for image in no {
            assert!(!matches(&list, image), "{pattern} {image}");
        }
    }
}

#[test]
fn what_matches_nothing_or_too_much_is_refused() {
    use InvalidImagePattern::{NoImage, NoRegistry, OpenRegistry, Pattern};
    for (text, error) in [
        ("", Pattern(InvalidPattern::Empty)),
        ("a.b/*/*/*/*/*/*/*/*/*", Pattern(InvalidPattern::TooManyStars)),
        ("*agent:1", NoRegistry),
        ("*:1.0", NoRegistry),
        ("acme-*/web:1", NoRegistry),
        ("ghcr.io*/acme/web", OpenRegistry),
        ("10.0.0.*/web", OpenRegistry),
        ("a_b.c/web", NoRegistry),
        ("https://ghcr.io/acme/web", NoRegistry),
        ("ghcr.io:x/web", NoRegistry),
        ("[::1/web", NoRegistry),
        ("Nginx", NoImage),
        ("acme/Web:*", NoImage),
        ("nginx:", NoImage),
        ("nginx@", NoImage),
        ("nginx:1:2", NoImage),
        ("nginx:-1*", NoImage),
        ("nginx@sha256:abc", NoImage),
        ("nginx@md5:*", NoImage),
        ("nginx@sha256:XYZ*", NoImage),
        ("ghcr.io/", NoImage),
        ("ghcr.io//web", NoImage),
        ("ghcr.io/acme/ web", NoImage),
    ] {
        assert_eq!(ImagePattern::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn a_thousand_patterns_are_one_look_up() {
    for form in ["registry.example/ops/agent-N:*", "registry.example/ops/agent:N", "*/agent-N:1.*"]
    {
        let texts: Vec<_> = (1_000..2_000).map(|n| form.replace('N', &n.to_string())).collect();
        let list = patterns(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let image = form.replace("*/", "a.b/").replace('N', "1077").replace('*', "3");
        let image = Reference::parse(&image).unwrap();
        assert_eq!(list.map.candidates(&image).len(), 1, "{form}");
        assert!(list.match_image(&image));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_matches_as_its_patterns_do(
        texts in proptest::collection::vec(
            "(([ab]{1,2}\\.c|\\*)/)?[ab]{1,2}(/[ab]{1,2}\\*?)?(:[ab*]{1,2})?(@sha256:[0-9a-f]{0,1}\\*)?", 0..30),
        images in proptest::collection::vec(
            "([ab]{1,2}\\.c/)?[ab]{1,2}(/[ab]{1,2})?(:[ab]{1,2})?(@sha256:[0-9a-f]{64})?", 10),
    ) {
        let read = texts.iter().filter_map(|text| ImagePattern::parse(text).ok());
        let patterns: Vec<_> = read.collect();
        let list: ImagePatterns = patterns.iter().cloned().collect();
        for text in images {
            let image = Reference::parse(&text).unwrap();
            let expected = patterns.iter().any(|pattern| pattern.matches(&image));
            prop_assert_eq!(list.match_image(&image), expected, "{:?} {}", texts, text);
        }
    }

    /// A pattern without stars matches the image itself.
    #[test]
    fn an_image_matches_itself(
        text in "([A-Z]?[a-z]{1,3}\\.[a-z]{1,3}(:[0-9]{1,3})?/)?[a-z]{1,3}(/[a-z]{1,3})?(:[A-Za-z0-9]{1,3}|@sha256:[0-9a-f]{64})?",
    ) {
        let pattern = ImagePattern::parse(&text).unwrap();
        prop_assert!(pattern.matches(&Reference::parse(&text).unwrap()));
    }
}
