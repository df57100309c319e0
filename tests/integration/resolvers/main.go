// A request per line of the standard input, an answer per line of the standard output, both JSON.
// This file and v0, which has `choose`, are one program: see building.py.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// request is somebody who has a release installed, and the catalog that is chosen from.
type request struct {
	// Catalog is the package's file-based catalog: its blobs.
	Catalog   []json.RawMessage `json:"catalog"`
	Package   string            `json:"package"`
	Channels  []string          `json:"channels"`
	Installed struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"installed"`
}

// answer is the name of the bundle that is chosen, "" for none, or why there is no answer.
type answer struct {
	Chosen string `json:"chosen"`
	Error  string `json:"error"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err == nil {
			err = out.Encode(answered(line))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func answered(line []byte) answer {
	var asked request
	err := json.Unmarshal(line, &asked)
	name := ""
	if err == nil {
		name, err = choose(asked)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Chosen: name}
}
