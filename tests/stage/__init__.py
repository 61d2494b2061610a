"""What tests of the control plane set up: values, a pool in this process, a controller process, a scripted agent."""
