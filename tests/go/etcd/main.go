// Command etcd is the real one, for the tests. It has a module of its own because
// kube-apiserver wants older versions of what it needs.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
