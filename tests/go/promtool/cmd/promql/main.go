// Says what each PromQL expression asks for: one JSON string a line on stdin, one JSON
// list of selectors a line on stdout.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// selector is one metric that an expression asks for.
type selector struct {
	Metric   string    `json:"metric"`
	Matchers []matcher `json:"matchers"`
	// Labels by which the metric is grouped or joined: it must have them.
	Grouped []string `json:"grouped"`
}

type matcher struct {
	Label string `json:"label"`
	Op    string `json:"op"`
	Value string `json:"value"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answer(lines.Bytes(), out); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", lines.Bytes(), err)
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(line []byte, out *json.Encoder) error {
	var text string
	if err := json.Unmarshal(line, &text); err != nil {
		return err
	}
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return err
	}
	found := []selector{}
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		if vector, ok := node.(*parser.VectorSelector); ok {
			found = append(found, describe(vector, path))
		}
		return nil
	})
	return out.Encode(found)
}

func describe(vector *parser.VectorSelector, path []parser.Node) selector {
	described := selector{Metric: vector.Name, Matchers: []matcher{}, Grouped: []string{}}
	for _, m := range vector.LabelMatchers {
		if m.Name == labels.MetricName {
			continue
		}
		described.Matchers = append(described.Matchers, matcher{m.Name, m.Type.String(), m.Value})
	}
	for _, node := range path {
		switch outer := node.(type) {
		case *parser.AggregateExpr:
			described.Grouped = append(described.Grouped, outer.Grouping...)
		case *parser.BinaryExpr:
			if outer.VectorMatching != nil {
				described.Grouped = append(described.Grouped, outer.VectorMatching.MatchingLabels...)
			}
		}
	}
	return described
}
