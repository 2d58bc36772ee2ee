//! Image patterns, compared part by part after Docker's normalisation of names: registry, repository, tag and digest.
//!
//! | pattern | images |
//! | --- | --- |
//! | `nginx`, `nginx:latest` | `docker.io/library/nginx` without a tag, or with `latest` |
//! | `nginx:1.*` | with such a tag and no digest: a digest takes precedence over a tag |
//! | `nginx:*` | every version: any tag, any digest, none |
//! | `nginx@sha256:…` | with this digest, whatever the tag |
//! | `nginx:1.*@sha256:*` | with such a tag and any digest |
//! | `ghcr.io/acme/*` | every version of everything below `ghcr.io/acme`: a repository ending in a star, no tag |
//! | `*/web:*` | `web` of any registry |
//! | `*` | every image |
//!
//! A star matches any run of characters within its part; in a repository also `/`. An invalid reference matches
//! nothing.

use std::fmt;

use crate::pattern::{InvalidPattern, Pattern, PatternMap};

use super::{
    image::{self, Reference},
    image_registries,
};

/// The tag of an image that names neither tag nor digest.
const DEFAULT_TAG: &str = "latest";
const ALGORITHMS: [&str; 3] = ["sha256:", "sha384:", "sha512:"];

/// A parsed image pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePattern {
    text: String,
    registry: Pattern,
    repository: Pattern,
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Version {
    Any,
    Tag(Pattern),
    Digest(Pattern),
    Both(Pattern, Pattern),
}

/// The text is not an image pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImagePattern {
    /// Empty, too long, too many stars.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// It is ambiguous whether a star stands for a registry.
    #[error(
        "must begin with a registry, or with \"*/\" for any: ghcr.io/acme/*, *.registry.example/web:*, */web:1.2"
    )]
    NoRegistry,
    /// `ghcr.io*` also matches `ghcr.io.evil.example`.
    #[error("must not end its registry in \"*\", which any domain matches")]
    OpenRegistry,
    /// It contains characters that no repository, tag or digest has.
    #[error(
        "must be an image, such as ghcr.io/acme/web:1.2, with \"*\" for any run of characters in its repository, tag or digest"
    )]
    NoImage,
}

impl ImagePattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// A pattern that cannot match any image, or that matches more than intended.
    pub fn parse(text: &str) -> Result<Self, InvalidImagePattern> {
        use InvalidImagePattern::{NoImage, NoRegistry, OpenRegistry};
        Pattern::parse(text)?;
        if text == "*" {
            let (registry, repository) = (Pattern::parse("*")?, Pattern::parse("*")?);
            return Ok(Self { text: text.to_owned(), registry, repository, version: Version::Any });
        }
        let (registry, rest) = split_registry(text)?;
        if registry.ends_with('*') && registry != "*" && !registry.ends_with(":*") {
            return Err(OpenRegistry);
        }
        if registry != "*" && !image_registries::is_registry(&registry) {
            return Err(NoRegistry);
        }
        let (rest, digest) = image::split_off(rest, '@');
        let (path, tag) = image::split_off(rest, ':');
        let repository = image::completed(&registry, path);
        let is_right =
            is_repository(&repository) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
        if !is_right {
            return Err(NoImage);
        }
        let version = match (tag, digest) {
            (Some("*"), None) => Version::Any,
            (None, None) if path.ends_with('*') => Version::Any,
            (tag, None) => Version::Tag(Pattern::parse(tag.unwrap_or(DEFAULT_TAG))?),
            (None | Some("*"), Some(digest)) => Version::Digest(Pattern::parse(digest)?),
            (Some(tag), Some(digest)) => {
                Version::Both(Pattern::parse(tag)?, Pattern::parse(digest)?)
            }
        };
        let registry = Pattern::parse(&registry)?;
        let repository = Pattern::parse(&repository)?;
        Ok(Self { text: text.to_owned(), registry, repository, version })
    }

    /// Whether it matches an image.
    pub fn matches(&self, image: &Reference<'_>) -> bool {
        let is_version = match (&self.version, image.tag, image.digest) {
            (Version::Any, ..) => true,
            (Version::Tag(pattern), tag, None) => pattern.matches(tag.unwrap_or(DEFAULT_TAG)),
            (Version::Digest(pattern), _, Some(digest)) => pattern.matches(digest),
            (Version::Both(tag, digest), Some(its_tag), Some(its_digest)) => {
                tag.matches(its_tag) && digest.matches(its_digest)
            }
            (Version::Tag(_) | Version::Digest(_) | Version::Both(..), ..) => false,
        };
        is_version
            && self.registry.matches(&image.registry)
            && self.repository.matches(&image.repository)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Splits off the normalised registry.
fn split_registry(text: &str) -> Result<(String, &str), InvalidImagePattern> {
    let Some((first, rest)) = text.split_once('/') else {
        // It is ambiguous whether a leading star includes registries.
        let is_open = text.starts_with('*');
        let registry = image::DEFAULT_REGISTRY.to_owned();
        return if is_open { Err(InvalidImagePattern::NoRegistry) } else { Ok((registry, text)) };
    };
    let registry = match image::split_registry(text) {
        (registry, after) if after.len() == rest.len() => registry,
        _ if first == "*" => first,
        _ if first.contains('*') => return Err(InvalidImagePattern::NoRegistry),
        (registry, _) => return Ok((registry.to_owned(), text)),
    };
    Ok((image::compared(registry).into_owned(), rest))
}

fn is_repository(pattern: &str) -> bool {
    if pattern.contains('*') {
        image_registries::is_repository(pattern)
    } else {
        image::is_repository(pattern)
    }
}

fn is_tag(pattern: &str) -> bool {
    image::is_tag(&pattern.replace('*', "a"))
}

fn is_digest(pattern: &str) -> bool {
    let hex = ALGORITHMS.iter().find_map(|algorithm| pattern.strip_prefix(algorithm));
    let is_hex = |hex: &str| hex.bytes().all(|byte| byte == b'*' || image::is_lower_hex(byte));
    match pattern.contains('*') {
        true => pattern == "*" || hex.is_some_and(is_hex),
        false => image::is_digest(pattern),
    }
}

impl std::str::FromStr for ImagePattern {
    type Err = InvalidImagePattern;

    fn from_str(text: &str) -> Result<Self, InvalidImagePattern> {
        Self::parse(text)
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Maps image patterns to numbers. A lookup returns those of all patterns that may match an image.
#[derive(Clone, Debug, Default)]
pub struct ImageMap {
    /// Keyed by registry and repository: patterns for every version, and patterns with both tag and digest.
    names: PatternMap,
    /// Keyed by registry, repository, and the tag or the digest.
    versions: PatternMap,
}

impl ImageMap {
    /// The numbers of patterns that may match; each needs to be checked.
    pub fn candidates(&self, image: &Reference<'_>) -> Vec<usize> {
        let name = image.name();
        let mut numbers = self.names.get(&name);
        if !self.versions.is_empty() {
            let version = match image.digest {
                Some(digest) => format!("{name}@{digest}"),
                None => format!("{name}:{}", image.tag.unwrap_or(DEFAULT_TAG)),
            };
            numbers.extend(self.versions.get(&version));
        }
        numbers
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.versions.is_empty()
    }
}

impl<'p> FromIterator<(&'p ImagePattern, usize)> for ImageMap {
    fn from_iter<I: IntoIterator<Item = (&'p ImagePattern, usize)>>(patterns: I) -> Self {
        let (mut names, mut versions) = (Vec::new(), Vec::new());
        for (pattern, number) in patterns {
            let name = format!("{}/{}", pattern.registry, pattern.repository);
            match &pattern.version {
                Version::Any | Version::Both(..) => names.push((Pattern::joined(name), number)),
                Version::Tag(tag) => {
                    versions.push((Pattern::joined(format!("{name}:{tag}")), number));
                }
                Version::Digest(digest) => {
                    versions.push((Pattern::joined(format!("{name}@{digest}")), number));
                }
            }
        }
        Self { names: names.into_iter().collect(), versions: versions.into_iter().collect() }
    }
}

/// A set of image patterns. An image matches if any pattern matches; an empty set matches nothing.
#[derive(Clone, Debug, Default)]
pub struct ImagePatterns {
    all: Vec<ImagePattern>,
    map: ImageMap,
}

impl ImagePatterns {
    /// Whether any of them matches this image.
    pub fn match_image(&self, image: &Reference<'_>) -> bool {
        let candidates = self.map.candidates(image).into_iter();
        candidates.filter_map(|number| self.all.get(number)).any(|pattern| pattern.matches(image))
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All patterns, sorted by text.
    pub fn iter(&self) -> impl Iterator<Item = &ImagePattern> {
        self.all.iter()
    }
}

impl FromIterator<ImagePattern> for ImagePatterns {
    fn from_iter<I: IntoIterator<Item = ImagePattern>>(patterns: I) -> Self {
        let mut all: Vec<_> = patterns.into_iter().collect();
        // Sorted, so that equal sets compare as equal in any order.
        all.sort_unstable();
        all.dedup();
        let map = all.iter().zip(0..).collect();
        Self { all, map }
    }
}

impl PartialEq for ImagePatterns {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for ImagePatterns {}

#[cfg(test)]
mod tests;
