//! `rules/imageRegistries`: images come from listed registries and repositories.
//!
//! Fields: `image` of every container, `spec.volumes[*].image.reference`.
//! Allowed: images that a pattern of the settings matches, after Docker's normalisation of names: `nginx` is
//! `docker.io/library/nginx`. An invalid reference matches nothing.
//!
//! A pattern is a registry, or a registry, a slash and a repository. It includes everything below it: `ghcr.io/acme`
//! matches `ghcr.io/acme` and `ghcr.io/acme/web`, but not `ghcr.io/acme-evil/web`. A star matches any run of characters
//! within its half, so `ghcr.io/acme*` also matches `acme-evil`. Registries ignore case.

use std::fmt;

use crate::{
    pattern::{InvalidPattern, Pattern, PatternMap, few},
    pss::{Finding, Findings},
    shown::shown,
};

use super::{
    image::{self, Images, Reference},
    rule::Rule,
};

pub(super) static RULE: Rule =
    Rule { id: "rules/imageRegistries", reason: "image from a registry that is not listed" };

/// The registries and repositories that images may come from. If empty, no image is allowed.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    all: Vec<Repository>,
    /// Indices into them, by patterns of registry and repository.
    names: PatternMap,
}

/// A registry, or repositories in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    registry: Pattern,
    /// A repository and everything below it. None for the whole registry.
    repository: Option<[Pattern; 2]>,
}

/// The text is not a registry or repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRepository {
    /// The first part is not a registry.
    #[error(
        "must begin with a registry: docker.io/library/nginx, ghcr.io/acme, registry.example:5000"
    )]
    NoRegistry,
    /// `ghcr.io*` also matches `ghcr.io.evil.example`.
    #[error("must not end its registry in \"*\", which any domain matches")]
    OpenRegistry,
    /// It contains characters that no repository has.
    #[error(
        "must name repositories without tag or digest, in lower-case letters, digits and \"._-/*\", and not end in \"/\""
    )]
    NoRepository,
    /// Too long, too many stars.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
}

impl Repository {
    /// Parses a pattern of the configuration.
    ///
    /// # Errors
    /// A pattern that cannot match any image, or that matches more than intended.
    pub fn parse(text: &str) -> Result<Self, InvalidRepository> {
        Pattern::parse(text)?;
        let (registry, repository) = match text.split_once('/') {
            Some((registry, repository)) => (registry, Some(repository)),
            None => (text, None),
        };
        let registry = match registry.to_ascii_lowercase() {
            old if old == image::OLD_DEFAULT_REGISTRY => image::DEFAULT_REGISTRY.to_owned(),
            registry => registry,
        };
        let is_named = registry == "localhost" || registry.contains(['.', ':', '*']);
        // Stars stand for characters that the part may contain.
        if !is_named || !(registry == "*" || is_registry(&registry)) {
            return Err(InvalidRepository::NoRegistry);
        }
        if registry.ends_with('*') && registry != "*" && !registry.ends_with(":*") {
            return Err(InvalidRepository::OpenRegistry);
        }
        if repository.is_some_and(|repository| !is_repository(repository)) {
            return Err(InvalidRepository::NoRepository);
        }
        let registry = Pattern::parse(&registry)?;
        let repository = repository.map(Pattern::parse).transpose()?;
        Ok(Self { registry, repository: repository.map(|it| [it.below(), it]) })
    }

    fn covers(&self, reference: &Reference<'_>) -> bool {
        let covers =
            |patterns: &[Pattern; 2]| patterns.iter().any(|it| it.matches(&reference.repository));
        self.registry.matches(&reference.registry) && self.repository.as_ref().is_none_or(covers)
    }
}

/// Whether a replacement of the stars makes it a registry.
pub(super) fn is_registry(pattern: &str) -> bool {
    let (host, port) = match pattern.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (pattern, None),
    };
    let filled = match port {
        Some(port) => format!("{}:{}", host.replace('*', "a"), port.replace('*', "1")),
        None => host.replace('*', "a"),
    };
    image::is_registry(&filled)
}

pub(super) fn is_repository(pattern: &str) -> bool {
    let is_known =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/' | b'*');
    pattern.bytes().all(is_known) && pattern.split('/').all(|part| !part.is_empty())
}

impl FromIterator<Repository> for Registries {
    fn from_iter<I: IntoIterator<Item = Repository>>(repositories: I) -> Self {
        let mut all: Vec<_> = repositories.into_iter().collect();
        // Sorted, so that equal lists compare as equal in any order.
        all.sort_unstable();
        all.dedup();
        let names = |(number, it): (usize, &Repository)| {
            let names = match &it.repository {
                Some(repositories) => repositories
                    .iter()
                    .map(|repository| format!("{}/{repository}", it.registry))
                    .collect(),
                None => vec![format!("{}/*", it.registry)],
            };
            names.into_iter().map(move |name| (Pattern::joined(name), number))
        };
        let names = all.iter().enumerate().flat_map(names).collect();
        Self { all, names }
    }
}

impl Registries {
    /// Whether an image comes from one of them.
    pub fn allow(&self, image: &Reference<'_>) -> bool {
        let could = self.names.get(&image.name()).into_iter();
        could.filter_map(|number| self.all.get(number)).any(|some| some.covers(image))
    }
}

impl PartialEq for Registries {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Registries {}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repository {
            Some([_, repository]) => write!(f, "{}/{repository}", self.registry),
            None => self.registry.fmt(f),
        }
    }
}

impl fmt::Display for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&few(&self.all))
    }
}

pub(super) fn find(allowed: &Registries, images: &Images<'_, '_>, found: &mut Findings) {
    // An invalid reference comes from no registry.
    let is_allowed = |reference: &Reference<'_>| allowed.allow(reference);
    let broken = images.iter().filter(|image| !image.reference.as_ref().is_ok_and(is_allowed));
    for image in broken {
        found.add_with(image.place, || {
            let name = match &image.reference {
                Ok(reference) => shown(&reference.name()),
                Err(_) => shown(image.text),
            };
            let fix = format!("replace {name} by an image from {allowed}");
            Finding::new(image.place, image.field, fix)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, image: &str) -> bool {
        let repository =
            Repository::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let registries = Registries::from_iter([repository]);
        Reference::parse(image).is_ok_and(|reference| registries.allow(&reference))
    }

    #[test]
    fn patterns_hold_at_slashes() {
        for (pattern, yes, no) in [
            (
                "ghcr.io/acme",
                vec!["ghcr.io/acme", "ghcr.io/acme/web:1", "GHCR.IO/acme/a/b"],
                vec![
                    "ghcr.io/acme-evil/web",
                    "ghcr.io/acmeevil",
                    "ghcr.io/evil/acme",
                    "ghcr.io.evil.example/acme/web",
                    "evil.example/ghcr.io/acme/web",
                    "ghcr.io:443/acme/web",
                    "acme/web",
                    "ghcr.io/acme/../evil/web",
                ],
            ),
            ("ghcr.io/acme/*", vec!["ghcr.io/acme/web"], vec!["ghcr.io/acme", "ghcr.io/acmes/web"]),
            ("ghcr.io/acme*", vec!["ghcr.io/acme", "ghcr.io/acme-evil/web"], vec!["ghcr.io/evil"]),
            (
                "docker.io",
                vec!["nginx", "acme/web", "docker.io/a/b/c", "index.docker.io/nginx"],
                vec!["docker.io.evil.example/nginx", "localhost/nginx", "nginx:"],
            ),
            ("index.docker.io/library", vec!["nginx"], vec!["acme/web", "library-evil/web"]),
            ("docker.io/library/nginx", vec!["nginx", "nginx:1"], vec!["redis", "nginx-evil"]),
            (
                "*.acme.example/team",
                vec!["a.acme.example/team/web", "a.b.acme.example/team"],
                // The star does not match the slash.
                vec!["acme.example/team", "evil.example/a.acme.example/team", "xacme.example/team"],
            ),
            ("registry.example:*/a", vec!["registry.example:5000/a"], vec!["registry.example/a"]),
            ("*/library/nginx", vec!["nginx", "a.b/library/nginx"], vec!["a.b/nginx"]),
            ("*", vec!["nginx", "a.b/c"], vec!["Nginx", ""]),
            ("localhost/a", vec!["localhost/a"], vec!["localhost:5000/a"]),
            ("[::1]:5000", vec!["[::1]:5000/a"], vec!["[::1]/a"]),
        ] {
            for image in yes {
                assert!(allows(pattern, image), "{pattern} {image:?}");
            }
            for image in no {
                assert!(!allows(pattern, image), "{pattern} {image:?}");
            }
        }
        assert!(!Registries::default().allow(&Reference::parse("nginx").unwrap()));
    }

    #[test]
    fn what_matches_nothing_or_too_much_is_refused() {
        use InvalidRepository::{NoRegistry, NoRepository, OpenRegistry, Pattern};
        for (text, error) in [
            ("", Pattern(InvalidPattern::Empty)),
            ("*/*/*/*/*/*/*/*/*", Pattern(InvalidPattern::TooManyStars)),
            ("nginx", NoRegistry),
            ("acme/*", NoRegistry),
            ("/acme", NoRegistry),
            ("https://ghcr.io/acme", NoRegistry),
            ("a_b.c/d", NoRegistry),
            ("ghcr.io*", OpenRegistry),
            ("ghcr.io*/acme", OpenRegistry),
            ("10.0.0.*/acme", OpenRegistry),
            ("ghcr.io/", NoRepository),
            ("ghcr.io/acme/", NoRepository),
            ("ghcr.io//acme", NoRepository),
            ("ghcr.io/Acme", NoRepository),
            ("ghcr.io/acme:1", NoRepository),
            ("ghcr.io/acme@sha256:*", NoRepository),
            ("ghcr.io/acm?", NoRepository),
        ] {
            assert_eq!(Repository::parse(text), Err(error), "{text:?}");
        }
    }
}
