// celjudge says what kube-apiserver makes of CEL rules and of objects under them, with the server's own packages and
// without a server. It reads one case a line from standard input, as JSON, and prints one answer a line:
//
//	{"schema": {...}}                      a structural schema with rules: each rule's compile error or cost
//	{"schema": {...}, "object": ...}       what the rules have against the object when it is created
//	{"object": ..., "oldObject": ...}      the same on an update, by the schema of a line before
//	{"yaml": ...}                          the JSON that kubectl makes of a document
//	{"pattern": ..., "texts": [...]}       which texts a schema's pattern matches, by Go's regexp
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

type request struct {
	Schema    json.RawMessage `json:"schema"`
	Object    json.RawMessage `json:"object"`
	OldObject json.RawMessage `json:"oldObject"`
	YAML      *string         `json:"yaml"`
	Pattern   *string         `json:"pattern"`
	Texts     []string        `json:"texts"`
}

// rule is what the server says of a rule when its CRD is installed.
type rule struct {
	// Pointer is the rule's JSON pointer from the schema.
	Pointer string `json:"pointer"`
	Error   string `json:"error,omitempty"`
	// Cost is the estimate, times how often the value may occur.
	Cost uint64 `json:"cost"`
}

// refusal is what a rule has against an object.
type refusal struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

type answer struct {
	Error    string          `json:"error,omitempty"`
	Rules    []rule          `json:"rules,omitempty"`
	Refusals []refusal       `json:"refusals,omitempty"`
	Matches  []bool          `json:"matches,omitempty"`
	JSON     json.RawMessage `json:"json,omitempty"`
}

// judge holds the schema that was read last.
type judge struct {
	structural *schema.Structural
	validator  *cel.Validator
	rules      []rule
}

func (j *judge) read(text []byte) error {
	*j = judge{}
	var props apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal(text, &props); err != nil {
		return err
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &internal, nil); err != nil {
		return err
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return err
	}
	j.structural = structural
	j.validator = cel.NewValidator(structural, false, celconfig.PerCallLimit)
	one := uint64(1)
	j.walk(structural, "", &one, false)
	return nil
}

// times is how often values can stand below a list or a map of at most so many.
func times(outer *uint64, most *int64) *uint64 {
	if outer == nil || most == nil || *most < 0 {
		return nil
	}
	product := multiply(*outer, uint64(*most))
	return &product
}

func multiply(one, other uint64) uint64 {
	if other != 0 && one > ^uint64(0)/other {
		return ^uint64(0)
	}
	return one * other
}

func (j *judge) walk(s *schema.Structural, pointer string, count *uint64, inList bool) {
	if len(s.XValidations) > 0 {
		j.compile(s, pointer, count, inList)
	}
	for name, inner := range s.Properties {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
		j.walk(&inner, pointer+"/properties/"+name, count, inList)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		most := (*int64)(nil)
		if s.ValueValidation != nil {
			most = s.ValueValidation.MaxProperties
		}
		j.walk(s.AdditionalProperties.Structural, pointer+"/additionalProperties", times(count, most), inList)
	}
	if s.Items != nil {
		most := (*int64)(nil)
		if s.ValueValidation != nil {
			most = s.ValueValidation.MaxItems
		}
		correlatable := s.XListType != nil && *s.XListType == "map"
		j.walk(s.Items, pointer+"/items", times(count, most), inList || !correlatable)
	}
}

func (j *judge) compile(s *schema.Structural, pointer string, count *uint64, inList bool) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	results, err := cel.Compile(s, model.SchemaDeclType(s, false), celconfig.PerCallLimit, base, cel.NewExpressionsEnvLoader())
	for index := range s.XValidations {
		found := rule{Pointer: fmt.Sprintf("%s/x-kubernetes-validations/%d", pointer, index)}
		switch {
		case err != nil:
			found.Error = err.Error()
		case results[index].Error != nil:
			found.Error = results[index].Error.Error()
		case results[index].UsesOldSelf && inList:
			found.Error = "oldSelf cannot be used on an uncorrelatable portion of the schema"
		case results[index].MessageExpressionError != nil:
			found.Error = results[index].MessageExpressionError.Error()
		case count == nil:
			found.Cost = multiply(results[index].MaxCost, results[index].MaxCardinality)
		default:
			found.Cost = multiply(results[index].MaxCost, *count)
		}
		j.rules = append(j.rules, found)
	}
}

// value makes of JSON what the server's decoder makes of it: integers where they are written as such.
func value(text json.RawMessage) (any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, err
	}
	return typed(decoded)
}

func typed(decoded any) (any, error) {
	var err error
	switch decoded := decoded.(type) {
	case json.Number:
		if whole, err := decoded.Int64(); err == nil {
			return whole, nil
		}
		return decoded.Float64()
	case []any:
		for index := range decoded {
			if decoded[index], err = typed(decoded[index]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range decoded {
			if decoded[key], err = typed(decoded[key]); err != nil {
				return nil, err
			}
		}
	}
	return decoded, nil
}

func (j *judge) answer(line []byte) (answer, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{}, err
	}
	if asked.YAML != nil {
		text, err := yaml.YAMLToJSON([]byte(*asked.YAML))
		return answer{JSON: text}, err
	}
	if asked.Pattern != nil {
		pattern, err := regexp.Compile(*asked.Pattern)
		if err != nil {
			return answer{}, err
		}
		var found answer
		for _, text := range asked.Texts {
			found.Matches = append(found.Matches, pattern.MatchString(text))
		}
		return found, nil
	}
	if asked.Schema != nil {
		if err := j.read(asked.Schema); err != nil {
			return answer{}, err
		}
	}
	if asked.Object == nil {
		return answer{Rules: j.rules}, nil
	}
	object, err := value(asked.Object)
	if err != nil {
		return answer{}, err
	}
	old, err := value(asked.OldObject)
	if err != nil {
		return answer{}, err
	}
	var found []refusal
	if j.validator != nil {
		root := field.NewPath("value")
		errors, _ := j.validator.Validate(context.Background(), root, j.structural, object, old, celconfig.RuntimeCELCostBudget)
		for _, one := range errors {
			found = append(found, refusal{Field: one.Field, Message: one.ErrorBody()})
		}
	}
	return answer{Refusals: found}, nil
}

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	var judge judge
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			found, err := judge.answer(line)
			if err != nil {
				found.Error = err.Error()
			}
			if err := encoder.Encode(found); err != nil {
				fmt.Fprintln(os.Stderr, "celjudge: unable to write:", err)
				os.Exit(1)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "celjudge: unable to read:", err)
			os.Exit(1)
		}
	}
}
