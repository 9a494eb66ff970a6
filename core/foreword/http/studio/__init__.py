"""The studio: data, runs, deployments and the prompt lab in the browser.

A page's address is the name of the resource that it shows, such as `/tenants/acme/tuneExperiments/x`, so that logs, the
command line and chats can link to it. Every page is one function in `pages`, which calls the service with the key of
the session of the tenant in its address, and renders one template.
"""
