"""What happens to cards once they are made (应用管理): card-management system and bank card platform (003 §三)."""
