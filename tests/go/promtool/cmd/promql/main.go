// Says which parts of PromQL expressions find nothing in what programs expose.
//
// The argument is a file with pages of metrics in Prometheus' text format. On stdin comes one
// expression a line, as a JSON string; on stdout goes one JSON list of faults a line.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
)

// What a scrape adds to each series; a series' own label of that name is called exported_… then.
var scraped = []string{"namespace", "pod", "job", "instance"}

// What Prometheus makes itself.
var made = []string{"up", "ALERTS"}

func main() {
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(page string, in io.Reader, out io.Writer) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	exposed, err := read(text)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var expression string
		if err := json.Unmarshal(lines.Bytes(), &expression); err != nil {
			return err
		}
		if err := answers.Encode(faults(expression, exposed)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// read gives the series by the metric's name.
func read(text []byte) (map[string][]labels.Labels, error) {
	exposed := map[string][]labels.Labels{}
	page := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		entry, err := page.Next()
		if errors.Is(err, io.EOF) {
			return exposed, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		page.Labels(&series)
		name := series.Get(labels.MetricName)
		exposed[name] = append(exposed[name], asScraped(series))
	}
}

func asScraped(series labels.Labels) labels.Labels {
	builder := labels.NewBuilder(series)
	for _, name := range scraped {
		if value := series.Get(name); value != "" {
			builder.Del(name).Set("exported_"+name, value)
		}
	}
	return builder.Labels()
}

func faults(text string, exposed map[string][]labels.Labels) []string {
	found := []string{}
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return append(found, err.Error())
	}
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			found = append(found, missing(selector, path, exposed)...)
		}
		return nil
	})
	return found
}

// missing says why a selector finds nothing, or by which label it cannot be grouped or joined.
func missing(selector *parser.VectorSelector, path []parser.Node, exposed map[string][]labels.Labels) []string {
	if slices.Contains(made, selector.Name) {
		return nil
	}
	series, ok := exposed[selector.Name]
	if !ok {
		return []string{fmt.Sprintf("nothing exposes %s", selector.Name)}
	}
	series = slices.DeleteFunc(slices.Clone(series), func(one labels.Labels) bool {
		return !matches(selector.LabelMatchers, one)
	})
	if len(series) == 0 {
		return []string{fmt.Sprintf("no series is %s", selector)}
	}
	found := []string{}
	for _, label := range grouped(path) {
		has := func(one labels.Labels) bool { return one.Has(label) }
		if !slices.Contains(scraped, label) && !slices.ContainsFunc(series, has) {
			found = append(found, fmt.Sprintf("%s has no label %s", selector, label))
		}
	}
	return found
}

func matches(matchers []*labels.Matcher, series labels.Labels) bool {
	for _, matcher := range matchers {
		if matcher.Name == labels.MetricName || slices.Contains(scraped, matcher.Name) {
			continue
		}
		// One that the series lacks matches what is meant to exclude others.
		if !series.Has(matcher.Name) || !matcher.Matches(series.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

// grouped gives the labels by which what surrounds a selector groups or joins.
func grouped(path []parser.Node) []string {
	names := []string{}
	for _, node := range path {
		switch outer := node.(type) {
		case *parser.AggregateExpr:
			names = append(names, outer.Grouping...)
		case *parser.BinaryExpr:
			if outer.VectorMatching != nil {
				names = append(names, outer.VectorMatching.MatchingLabels...)
			}
		}
	}
	return names
}
