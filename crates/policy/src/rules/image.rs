//! Image references, normalised as Docker does before a pull. Grammar and defaults are those of
//! github.com/distribution/reference, which kubelet and containerd share. An invalid reference matches no registry in
//! any rule.
//!
//! CRI-O resolves short names by its own configuration, so `nginx` may come from another registry there. Full names are
//! unambiguous.

use std::{borrow::Cow, cell::OnceCell};

use crate::pss::{Place, Pod};

use super::image_pattern::ImagePatterns;

/// The registry of an image that names none.
pub(super) const DEFAULT_REGISTRY: &str = "docker.io";
/// The old name of the default registry, which is still accepted.
pub(super) const OLD_DEFAULT_REGISTRY: &str = "index.docker.io";
/// The owner of a repository of the default registry that names none.
const OFFICIAL: &str = "library/";
/// Maximum length of a repository without the registry, in bytes.
const MAX_REPOSITORY: usize = 255;
/// Maximum length of a tag, in bytes.
const MAX_TAG: usize = 128;

/// How many parsed images are kept, of a pod with no more containers and volumes than that.
const MAX_KEPT: usize = 256;

/// A parsed reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Host and port, in lower case: `docker.io`, `localhost:5000`. A host of one word keeps its upper case, which
    /// identifies it as a host.
    pub registry: Cow<'a, str>,
    /// `library/nginx`.
    pub repository: Cow<'a, str>,
    /// Never empty.
    pub tag: Option<&'a str>,
    /// Includes the algorithm: `sha256:…`.
    pub digest: Option<&'a str>,
}

/// The text is not an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a reference to an image, such as registry.example/team/app:1.2")]
pub struct InvalidReference;

impl<'a> Reference<'a> {
    /// Parses and normalises a reference.
    ///
    /// # Errors
    /// Text outside the grammar: upper case in the repository, an unknown digest, blanks, a bare image id.
    pub fn parse(text: &'a str) -> Result<Self, InvalidReference> {
        let (registry, rest) = split_registry(text);
        let (rest, digest) = split_off(rest, '@');
        let (path, tag) = split_off(rest, ':');
        let repository = completed(registry, path);
        let fits = !is_image_id(text)
            && is_registry(registry)
            && is_repository(&repository)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        let registry = compared(registry);
        fits.then_some(Self { registry, repository, tag, digest }).ok_or(InvalidReference)
    }

    /// Registry and repository, without tag and digest: `docker.io/library/nginx`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

/// The repository's full name in the registry.
pub(super) fn completed<'a>(registry: &str, path: &'a str) -> Cow<'a, str> {
    if registry == DEFAULT_REGISTRY && !path.contains('/') {
        Cow::Owned(format!("{OFFICIAL}{path}"))
    } else {
        Cow::Borrowed(path)
    }
}

/// Normalises a registry for comparison. A host of one word keeps its case: in lower case it would be a user of the
/// default registry.
pub(super) fn compared(registry: &str) -> Cow<'_, str> {
    let is_clear = registry.bytes().any(|byte| matches!(byte, b'.' | b':'))
        || registry.eq_ignore_ascii_case("localhost");
    if is_clear { lower_case(registry) } else { Cow::Borrowed(registry) }
}

/// An image in a pod.
#[derive(Clone, Debug)]
pub(super) struct Image<'p> {
    pub(super) place: Place,
    /// The field relative to the place.
    pub(super) field: &'static str,
    pub(super) text: &'p str,
    pub(super) reference: Result<Reference<'p>, InvalidReference>,
}

/// The images of a pod, including those of volumes. Parsed once, when the first rule asks.
#[derive(Debug)]
pub struct Images<'p, 'a> {
    pod: &'p Pod<'a>,
    read: OnceCell<Vec<Image<'p>>>,
}

impl<'p, 'a> Images<'p, 'a> {
    /// The images of a pod, not parsed yet.
    pub fn of(pod: &'p Pod<'a>) -> Self {
        Self { pod, read: OnceCell::new() }
    }

    /// The places whose images match a pattern, and the other places.
    pub fn places_by(&self, patterns: &ImagePatterns) -> (Vec<Place>, Vec<Place>) {
        let (mut known, mut others) = (Vec::new(), Vec::new());
        for image in self.iter() {
            let reference = image.reference.as_ref();
            let is_known = reference.is_ok_and(|reference| patterns.match_image(reference));
            if is_known { known.push(image.place) } else { others.push(image.place) }
        }
        (known, others)
    }

    /// Many images are parsed each time: parsed, they take several times as much memory as their text.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, Image<'p>>> {
        let is_kept = self.pod.containers().count() + self.pod.spec.volumes.len() <= MAX_KEPT;
        let kept = is_kept.then(|| self.read.get_or_init(|| images(self.pod).collect()));
        let parsed = (!is_kept).then(|| images(self.pod).map(Cow::Owned));
        kept.into_iter().flatten().map(Cow::Borrowed).chain(parsed.into_iter().flatten())
    }
}

fn images<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = Image<'p>> {
    let image = move |place, field, text: &'p str| Image {
        place,
        field,
        text,
        reference: Reference::parse(text),
    };
    let of_volumes = pod.spec.volumes.iter().enumerate().filter_map(move |(index, volume)| {
        let text = volume.image.as_ref()?.as_str();
        Some(image(Place::Volume { index }, "image.reference", text))
    });
    let of_containers = pod.containers();
    let of_containers = of_containers
        .map(move |(place, container)| image(place, "image", container.image.as_str()));
    of_volumes.chain(of_containers)
}

/// Splits a text into the registry and the rest. The first part is a registry only if it has a dot, a port or an
/// upper-case letter, or is `localhost`.
pub(super) fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((OLD_DEFAULT_REGISTRY, rest)) => (DEFAULT_REGISTRY, rest),
        Some((first, rest))
            if first == "localhost"
                || first.bytes().any(|byte| matches!(byte, b'.' | b':'))
                || first.contains(char::is_uppercase) =>
        {
            (first, rest)
        }
        Some(_) | None => (DEFAULT_REGISTRY, text),
    }
}

pub(super) fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether it is the id of an image on the node.
fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_lower_hex)
}

/// Whether it is a host name or an address, with an optional port.
pub(super) fn is_registry(text: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_address = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
        return !address.is_empty()
            && address.bytes().all(is_address)
            && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = split_off(text, ':');
    port.is_none_or(is_port) && host.as_bytes().split(|byte| *byte == b'.').all(is_host_part)
}

fn is_host_part(part: &[u8]) -> bool {
    !part.is_empty()
        && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !part.starts_with(b"-")
        && !part.ends_with(b"-")
}

pub(super) fn is_repository(text: &str) -> bool {
    text.len() <= MAX_REPOSITORY && text.as_bytes().split(|byte| *byte == b'/').all(is_component)
}

/// Lower-case letters and digits, separated by one dot, one or two underscores, or any number of dashes.
fn is_component(bytes: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_separator = |between: &[u8]| {
        matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-')
    };
    bytes.first().is_some_and(is_word)
        && bytes.last().is_some_and(is_word)
        && bytes.split(is_word).all(is_separator)
}

pub(super) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= MAX_TAG
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

pub(super) fn is_digest(text: &str) -> bool {
    let (hex, length) = match text.split_once(':') {
        Some(("sha256", hex)) => (hex, 64),
        Some(("sha384", hex)) => (hex, 96),
        Some(("sha512", hex)) => (hex, 128),
        Some(_) | None => return false,
    };
    hex.len() == length && hex.bytes().all(is_lower_hex)
}

pub(super) fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names_are_completed() {
        for (text, name) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.27", "docker.io/library/nginx"),
            ("acme/web", "docker.io/acme/web"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
            ("index.docker.io/acme/web", "docker.io/acme/web"),
            ("ghcr.io/acme/web", "ghcr.io/acme/web"),
            ("GHCR.io/acme/web", "ghcr.io/acme/web"),
            ("Registry/acme/web", "Registry/acme/web"),
            ("localhost/web", "localhost/web"),
            ("localhost:5000/web:1", "localhost:5000/web"),
            // Without a slash, the part after the colon is a tag.
            ("localhost:5000", "docker.io/library/localhost"),
            ("registry:5000/a/b/c", "registry:5000/a/b/c"),
            ("registry/a/b/c", "docker.io/registry/a/b/c"),
            ("127.0.0.1:5000/web", "127.0.0.1:5000/web"),
            ("[::1]:5000/web", "[::1]:5000/web"),
            ("[2001:DB8::1]/web", "[2001:db8::1]/web"),
            ("ghcr.io.evil.example/acme/web", "ghcr.io.evil.example/acme/web"),
            ("evil.example/ghcr.io/acme/web", "evil.example/ghcr.io/acme/web"),
            ("a.b/c__d/e--f.g_h", "a.b/c__d/e--f.g_h"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().name(), name, "{text}");
        }
    }

    #[test]
    fn tags_and_digests_are_distinguished() {
        let read = |text: &str| {
            let text = text.replace("HEX", HEX);
            let reference = Reference::parse(&text).unwrap();
            (reference.tag.map(str::to_owned), reference.digest.map(|digest| digest.len()))
        };
        assert_eq!(read("nginx"), (None, None));
        assert_eq!(read("nginx:latest"), (Some("latest".to_owned()), None));
        assert_eq!(read("nginx@sha256:HEX"), (None, Some(71)));
        assert_eq!(read("a.b:5/c:1@sha256:HEX"), (Some("1".to_owned()), Some(71)));
        assert_eq!(read("a.b:5/c@sha512:HEXHEX"), (None, Some(135)));
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = "a".repeat(256);
        let tag = format!("nginx:{}", "a".repeat(129));
        for text in [
            "",
            " ",
            "/",
            ":",
            "@",
            "nginx:",
            "nginx@",
            ":1",
            "Nginx",
            "acme/Web",
            "ghcr.io/Acme/web",
            "ghcr.io/",
            "ghcr.io//web",
            "/web",
            "web/",
            " nginx",
            "nginx ",
            "nginx\n",
            "ng inx",
            "https://ghcr.io/acme/web",
            "user@ghcr.io/acme/web",
            "ghcr.io@evil.example/acme/web",
            "ghcr.io:443@evil.example/acme/web",
            "ghcr.io:x/web",
            "ghcr.io:/web",
            "ghcr.io./web",
            "-a.b/web",
            "a_b.c/web",
            "[::1/web",
            "[]/web",
            "[::1]x/web",
            "a..b/web",
            "a/b..c",
            "a/b___c",
            "a/.b",
            "a/b-",
            "a/../b",
            "ghcr.io/acme/../evil/web",
            "ghcr.io/acme/%2e%2e/web",
            "nginx:1:2",
            "nginx:-1",
            "nginx:ä",
            "nginx@sha256:abc",
            "nginx@md5:0123456789abcdef0123456789abcdef",
            "nginx@sha256:HEX@sha256:HEX",
            "nginx@SHA256:HEX",
            "nginx@sha256:UPPER",
            "HEX",
            "nginx@sha256:HEX:1",
            "ghcr.io/аcme/web",
            "*",
            "ghcr.io/*",
            &long,
            &tag,
        ] {
            let text = text.replace("HEX", HEX).replace("UPPER", &HEX.to_uppercase());
            assert_eq!(Reference::parse(&text), Err(InvalidReference), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_put_together_is_taken_apart(
            registry in "[A-Z]?[a-z0-9]{1,5}(\\.[a-z0-9]{1,5}){1,2}(:[0-9]{1,5})?",
            repository in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,5}){1,3}",
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),
            digest in proptest::option::of("sha256:[0-9a-f]{64}"),
        ) {
            let mut text = format!("{registry}/{repository}");
            text.extend(tag.iter().map(|tag| format!(":{tag}")));
            text.extend(digest.iter().map(|digest| format!("@{digest}")));
            let reference = Reference::parse(&text).unwrap();
            prop_assert_eq!(reference.name(), format!("{}/{repository}", registry.to_lowercase()));
            prop_assert_eq!(reference.tag, tag.as_deref());
            prop_assert_eq!(reference.digest, digest.as_deref());
        }

        #[test]
        fn a_host_of_one_word_stays_one(text in "[a-z]{0,3}[A-Z]{1,3}/[a-z0-9]{1,5}") {
            let reference = Reference::parse(&text).unwrap();
            prop_assert_eq!(reference.name(), text);
        }

        #[test]
        fn no_text_panics_and_none_hides_a_registry(text in "[a-zA-Z0-9./:@_ \\[\\]-]{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                // Parsing the normalised reference is unambiguous.
                prop_assert!(is_registry(&reference.registry));
                prop_assert!(!reference.repository.contains([':', '@', ' ']));
                prop_assert_eq!(Reference::parse(&reference.name()).unwrap().name(), reference.name());
            }
        }
    }
}
