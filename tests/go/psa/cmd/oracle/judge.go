package main

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// judge evaluates pods. One judge serves one goroutine at a time.
type judge struct {
	// plain is upstream's evaluator as kube-apiserver builds it.
	plain policy.Evaluator
	// noting is the same, but each check that fails adds its id to failed: upstream's
	// results do not say which check they come from, and leaving the choice of checks
	// (revisions, overrides) to its own evaluator keeps this program free of such rules.
	noting policy.Evaluator
	failed []string
}

func newJudge() (*judge, error) {
	plain, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	j := &judge{plain: plain}
	checks := policy.DefaultChecks()
	for i := range checks {
		id := string(checks[i].ID)
		for k := range checks[i].Versions {
			checks[i].Versions[k].CheckPod = j.noteFailure(id, checks[i].Versions[k].CheckPod)
		}
	}
	j.noting, err = policy.NewEvaluator(checks, nil)
	return j, err
}

func (j *judge) noteFailure(id string, check policy.CheckPodFn) policy.CheckPodFn {
	return func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
		result := check(meta, spec)
		if !result.Allowed {
			j.failed = append(j.failed, id)
		}
		return result
	}
}

func (j *judge) evaluate(under api.LevelVersion, pod *corev1.Pod) verdict {
	j.failed = []string{}
	noted := j.noting.EvaluatePod(under, &pod.ObjectMeta, &pod.Spec)
	plain := j.plain.EvaluatePod(under, &pod.ObjectMeta, &pod.Spec)
	allowed := policy.AggregateCheckResults(plain).Allowed
	if !slices.Equal(plain, noted) || allowed != (len(j.failed) == 0) {
		panic(fmt.Sprintf("%s: the evaluator that notes ids differs from upstream's own", under))
	}
	return verdict{Allowed: allowed, Controls: j.failed}
}
