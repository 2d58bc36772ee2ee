// Command oracle says what upstream's policy library thinks of pods.
//
// It reads one JSON object a line on stdin and answers each with one line on stdout, in
// the same order:
//
//	{"level":"restricted","version":"v1.25","pod":{…}}
//	{"allowed":false,"controls":["capabilities_restricted"]}
//
//	{"policies":[["restricted","v1.25"],["baseline","latest"]],"pod":{…}}
//	{"results":[{"allowed":false,"controls":["capabilities_restricted"]},{"allowed":true,"controls":[]}]}
//
// What cannot be read is answered with {"error":"…"}. Pods are decoded as the API server
// decodes them, and nothing is defaulted.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	kjson "sigs.k8s.io/json"
)

type request struct {
	Level    string          `json:"level"`
	Version  string          `json:"version"`
	Policies [][2]string     `json:"policies"`
	Pod      json.RawMessage `json:"pod"`
}

type verdict struct {
	Allowed  bool     `json:"allowed"`
	Controls []string `json:"controls"`
}

// job is one line on its way through the workers.
type job struct {
	line   []byte
	answer chan []byte
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(2)
	}
}

func run(in io.Reader, out io.Writer) error {
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan job, 64*workers)
	inOrder := make(chan job, 64*workers)
	for range workers {
		judge, err := newJudge()
		if err != nil {
			return err
		}
		go func() {
			for j := range todo {
				j.answer <- judge.answer(j.line)
			}
		}()
	}

	var readErr error
	go func() {
		readErr = readLines(in, func(line []byte) {
			j := job{line: line, answer: make(chan []byte, 1)}
			inOrder <- j
			todo <- j
		})
		close(inOrder)
	}()

	buffered := bufio.NewWriterSize(out, 1<<20)
	for j := range inOrder {
		if _, err := buffered.Write(append(<-j.answer, '\n')); err != nil {
			return err
		}
		// Whoever sends one line and waits for its answer must get it.
		if len(inOrder) == 0 {
			if err := buffered.Flush(); err != nil {
				return err
			}
		}
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return readErr
}

func readLines(in io.Reader, use func([]byte)) error {
	reader := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			use(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (j *judge) answer(line []byte) []byte {
	reply, err := j.reply(line)
	if err != nil {
		reply = map[string]string{"error": err.Error()}
	}
	text, err := json.Marshal(reply)
	if err != nil {
		panic(err)
	}
	return text
}

func (j *judge) reply(line []byte) (any, error) {
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		return nil, err
	}
	var pod corev1.Pod
	if err := kjson.UnmarshalCaseSensitivePreserveInts(req.Pod, &pod); err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	if req.Policies == nil {
		policy, err := parsePolicy(req.Level, req.Version)
		if err != nil {
			return nil, err
		}
		return j.evaluate(policy, &pod), nil
	}
	verdicts := make([]verdict, 0, len(req.Policies))
	for _, pair := range req.Policies {
		policy, err := parsePolicy(pair[0], pair[1])
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, j.evaluate(policy, &pod))
	}
	return map[string][]verdict{"results": verdicts}, nil
}

func parsePolicy(level, version string) (api.LevelVersion, error) {
	l, err := api.ParseLevel(level)
	if err != nil {
		return api.LevelVersion{}, fmt.Errorf("level %q: %w", level, err)
	}
	v, err := api.ParseVersion(version)
	if err != nil {
		return api.LevelVersion{}, fmt.Errorf("version %q: %w", version, err)
	}
	return api.LevelVersion{Level: l, Version: v}, nil
}
