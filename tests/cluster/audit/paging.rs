//! The report does not depend on the page size.

use crate::{
    audit::{
        program::audit,
        shop::{namespace, shop, workloads},
    },
    support::control_plane::{BuiltInPodSecurity, ControlPlane, Who},
};

#[tokio::test]
async fn pages_of_any_length_give_the_same_report() {
    let Ok(plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    // `-` sorts before the `/` that ends a name in etcd's keys, `0` after it.
    let mut names = Vec::new();
    for base in ["shop", "shop-a", "zoo"] {
        names.push(shop(&plane, base).await);
    }
    let admin = plane.kubeconfig(Who::Admin);

    let whole = audit(&admin, &["-o", "json"]);
    assert_eq!(whole.status, Some(0), "{whole:?}");
    for page in ["1", "2", "3"] {
        let paged = audit(&admin, &["-o", "json", "--page-size", page]);
        assert_eq!(paged.report(), whole.report(), "pages of {page}");
    }

    let report = whole.report();
    for name in &names {
        assert_eq!(workloads(&report, name).len(), 3, "{report:#}");
        // A single namespace has the same results as in the whole report.
        let alone = audit(&admin, &["-n", name, "-o", "json", "--page-size", "2"]).report();
        assert_eq!(namespace(&alone, name), namespace(&report, name));
    }
}
