// Command kube-controller-manager is the real one, for the tests: it gives each
// namespace its default service account, and makes pods of workloads.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	os.Exit(cli.Run(app.NewControllerManagerCommand()))
}
