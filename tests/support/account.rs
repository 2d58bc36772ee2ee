//! A service account with only the permissions that a test grants.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{
    control_plane::{ControlPlane, Who, unique_name},
    process::Folder,
};

/// Permissions in a namespace, or in all.
pub(crate) enum Rights {
    /// With a ClusterRole.
    Everywhere(Value),
    /// With a Role in this namespace.
    In(String, Value),
}

/// Creates an account with these rules, and writes a kubeconfig with its token.
pub(crate) async fn account(plane: &ControlPlane, folder: &Folder, rights: &[Rights]) -> PathBuf {
    let admin = plane.user(Who::Admin).await;
    let name = unique_name("account");
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    admin.create(accounts, &json!({"metadata": {"name": name}})).await.granted();
    for right in rights {
        let (path, kind, rules) = match right {
            Rights::Everywhere(rules) => (String::new(), "ClusterRole", rules),
            Rights::In(namespace, rules) => (format!("/namespaces/{namespace}"), "Role", rules),
        };
        let base = format!("/apis/rbac.authorization.k8s.io/v1{path}/{}", kind.to_lowercase());
        let role = json!({"metadata": {"name": name}, "rules": rules});
        admin.create(&format!("{base}s"), &role).await.granted();
        let binding = json!({
            "metadata": {"name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        });
        admin.create(&format!("{base}bindings"), &binding).await.granted();
    }
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let token = admin.create(&format!("{accounts}/{name}/token"), &request).await.granted();

    let kubeconfig = std::fs::read(plane.kubeconfig(Who::Admin)).unwrap();
    let mut kubeconfig: Value = serde_json::from_slice(&kubeconfig).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": token["status"]["token"]});
    folder.write(&format!("{name}.kubeconfig"), kubeconfig.to_string())
}
