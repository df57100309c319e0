// Command render-chart renders the templates of a Helm chart without a cluster.
//
// It reads {"templates": {NAME: TEXT}, "data": OBJECT} from standard input, where OBJECT is what
// the templates see as "." (Values, Chart, Release), and writes {NAME: RENDERED} to standard
// output. A template whose file name begins with "_" only holds definitions and is not rendered.
//
// It has the functions that the chart of the Operator Lifecycle Manager uses, with the results that
// Helm gives them. A chart that uses another one is refused when it is parsed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"text/template"
)

type input struct {
	Templates map[string]string `json:"templates"`
	Data      map[string]any    `json:"data"`
}

func main() {
	rendered, err := render()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(rendered)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render() (map[string]string, error) {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return nil, err
	}
	root := template.New("").Option("missingkey=zero")
	root.Funcs(functions(root))
	for name, text := range in.Templates {
		if _, err := root.New(name).Parse(text); err != nil {
			return nil, err
		}
	}
	rendered := map[string]string{}
	for name := range in.Templates {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		text, err := execute(root, name, in.Data)
		if err != nil {
			return nil, err
		}
		// Go prints this for a value that is not set; Helm prints nothing.
		rendered[name] = strings.ReplaceAll(text, "<no value>", "")
	}
	return rendered, nil
}

func execute(root *template.Template, name string, data any) (string, error) {
	var out strings.Builder
	err := root.ExecuteTemplate(&out, name, data)
	return out.String(), err
}

func functions(root *template.Template) template.FuncMap {
	return template.FuncMap{
		"default": func(fallback any, given ...any) any {
			if len(given) == 0 || empty(given[0]) {
				return fallback
			}
			return given[0]
		},
		"include": func(name string, data any) (string, error) { return execute(root, name, data) },
		"indent":  indent,
		"nindent": func(width int, text string) string { return "\n" + indent(width, text) },
		"quote": func(value any) string {
			if value == nil {
				return ""
			}
			return fmt.Sprintf("%q", fmt.Sprint(value))
		},
		"toYaml":     func(value any) string { return strings.Join(yaml(value), "\n") },
		"trimSuffix": func(suffix, text string) string { return strings.TrimSuffix(text, suffix) },
		"trunc": func(length int, text string) string {
			if length >= 0 && len(text) > length {
				return text[:length]
			}
			if length < 0 && len(text) > -length {
				return text[len(text)+length:]
			}
			return text
		},
	}
}

func indent(width int, text string) string {
	pad := strings.Repeat(" ", width)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}

func empty(value any) bool {
	truth, ok := template.IsTrue(value)
	return !ok || !truth
}

// yaml returns the lines of a value in block style, with strings as JSON writes them.
func yaml(value any) []string {
	var lines []string
	switch value := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			inner := yaml(value[key])
			if nested(value[key]) {
				lines = append(lines, scalar(key)+":")
				for _, line := range inner {
					lines = append(lines, "  "+line)
				}
			} else {
				lines = append(lines, scalar(key)+": "+inner[0])
			}
		}
	case []any:
		for _, item := range value {
			for number, line := range yaml(item) {
				mark := "  "
				if number == 0 {
					mark = "- "
				}
				lines = append(lines, mark+line)
			}
		}
	}
	if lines == nil {
		return []string{scalar(value)}
	}
	return lines
}

// nested tells whether a value takes lines of its own: a map or a list that has something in it.
func nested(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) > 0
	case []any:
		return len(value) > 0
	}
	return false
}

func scalar(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // what came from JSON can be written as JSON
	}
	return string(text)
}
