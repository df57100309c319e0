// Reads one text a line from stdin, base64, and answers each with a line of JSON: what
// sigs.k8s.io/yaml makes of its document, or why it refuses it.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	goyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

type answer struct {
	JSON  string `json:"json"`
	Error string `json:"error"`
}

// read answers for one text; go-yaml panics on some that it means to refuse.
func read(line []byte) (found answer) {
	defer func() {
		if problem := recover(); problem != nil {
			found = answer{Error: fmt.Sprint(problem)}
		}
	}()
	text, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		panic(err)
	}
	document, err := yaml.YAMLToJSON(text)
	if err == nil {
		err = onlyOne(text)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{JSON: string(document)}
}

// onlyOne refuses what stands behind the first document, at which sigs.k8s.io/yaml does not look.
func onlyOne(text []byte) error {
	documents := goyaml.NewDecoder(bytes.NewReader(text))
	there := 0
	for {
		var one any
		err := documents.Decode(&one)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if one != nil {
			there++
		}
		if there > 1 {
			return errors.New("more than one document")
		}
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	encoder := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := encoder.Encode(read(lines.Bytes())); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
