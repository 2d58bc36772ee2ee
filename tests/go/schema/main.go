// Command schema holds the JSON document on stdin against the JSON Schema in the file that it is called with. What is
// wrong goes to stderr; then it exits with 1.
package main

import (
	"fmt"
	"os"

	// The schema of SARIF 2.1.0 stands in this module's source, from which the tests take it.
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: schema FILE")
	}
	document, err := jsonschema.UnmarshalJSON(os.Stdin)
	if err != nil {
		return err
	}
	schema, err := jsonschema.NewCompiler().Compile(os.Args[1])
	if err != nil {
		return err
	}
	return schema.Validate(document)
}
