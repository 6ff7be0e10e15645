// Says what the tools of GitOps make of resources and manifests, with their own code.
//
//	gitops health ARGOCD_CM EXPRESSIONS < objects.jsonl
//	                        what Flux (by kstatus, and by these healthCheckExprs) and Argo CD (by that ConfigMap) say of
//	                        each object
//	gitops decode FILE...   whether each manifest is what its API's Go type takes, to the letter
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	argo "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	source "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// The longest line that is read: an object may have some megabytes.
const maxLine = 16 << 20

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "health":
		return tellHealth(args[1], args[2])
	case len(args) > 1 && args[0] == "decode":
		return decode(args[1:])
	}
	return errors.New("usage: gitops health ARGOCD_CM EXPRESSIONS | gitops decode FILE...")
}

// A verdict of one tool.
type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func tellHealth(configMap, expressions string) error {
	overrides, err := readOverrides(configMap)
	if err != nil {
		return err
	}
	evaluator, err := readExpressions(expressions)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxLine)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			return err
		}
		flux, err := status.Compute(object)
		if err != nil {
			return err
		}
		told, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			told = &status.Result{Status: "error", Message: err.Error()}
		}
		// As the application controller calls it.
		said, err := health.GetResourceHealth(object, overrides)
		if err != nil {
			return err
		}
		if said == nil {
			said = &health.HealthStatus{Status: "none"}
		}
		line := map[string]verdict{
			"flux":        {string(flux.Status), flux.Message},
			"expressions": {string(told.Status), told.Message},
			"argo":        {string(said.Status), said.Message},
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Reads the customizations as Argo CD's settings manager does.
func readOverrides(path string) (lua.ResourceHealthOverrides, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	configMap := corev1.ConfigMap{}
	if err := sigsyaml.UnmarshalStrict(text, &configMap); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	overrides := map[string]argo.ResourceOverride{}
	if err := sigsyaml.Unmarshal([]byte(configMap.Data["resource.customizations"]), &overrides); err != nil {
		return nil, fmt.Errorf("%s: resource.customizations: %w", path, err)
	}
	return overrides, nil
}

// Reads the one entry of a Kustomization's healthCheckExprs.
func readExpressions(path string) (*cel.StatusEvaluator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	spec := kustomize.KustomizationSpec{}
	if err := sigsyaml.UnmarshalStrict(text, &spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(spec.HealthCheckExprs) != 1 {
		return nil, fmt.Errorf("%s: %d entries", path, len(spec.HealthCheckExprs))
	}
	return cel.NewStatusEvaluator(&spec.HealthCheckExprs[0].HealthCheckExpressions)
}

func decode(paths []string) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		argo.AddToScheme, corev1.AddToScheme, helm.AddToScheme, kustomize.AddToScheme, source.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(file))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			_, kind, err := strict.Decode(document, nil, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			fmt.Println(path, kind.Kind)
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}
