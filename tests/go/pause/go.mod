// What the containers of the tests run.
module portcullis.dev/tests/pause

go 1.26.0
