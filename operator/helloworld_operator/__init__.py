"""The HelloWorld operator: a greeting service for every HelloWorld object."""
